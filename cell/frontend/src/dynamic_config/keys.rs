//! Which keys there are.

use super::value::{boolean, count, duration, number};
use super::{DynamicConfig, DynamicConfigError};
use serde_json::Value;

/// Sets the field that `name` (lower case) stands for; false if there is none. `key` is for messages.
pub(super) fn set(
    config: &mut DynamicConfig,
    key: &str,
    name: &str,
    value: &Value,
) -> Result<bool, DynamicConfigError> {
    match name {
        "frontend.namespacerps" => config.namespace_rps = number(key, value)?,
        "frontend.namespaceburstratio" => config.namespace_burst_ratio = number(key, value)?,
        "frontend.namespacerps.visibility" => config.namespace_visibility_rps = number(key, value)?,
        "frontend.namespaceburstratio.visibility" => {
            config.namespace_visibility_burst_ratio = number(key, value)?;
        }
        "frontend.namespacecount" => config.namespace_long_polls = count(key, value)?,
        "frontend.historymaxpagesize" => config.history_page_size = count(key, value)?.max(1),
        "frontend.visibilitymaxpagesize" => config.visibility_page_size = count(key, value)?.max(1),
        "limit.maxidlength" => config.id_length = count(key, value)?,
        "limit.blobsize.error" => config.blob_bytes = count(key, value)?,
        "limit.memosize.error" => config.memo_bytes = count(key, value)?,
        "frontend.searchattributesnumberofkeyslimit" => config.search_attributes = count(key, value)?,
        "frontend.searchattributessizeofvaluelimit" => config.search_attribute_bytes = count(key, value)?,
        "frontend.searchattributestotalsizelimit" => config.search_attributes_bytes = count(key, value)?,
        "frontend.maxlinksperrequest" => config.links = count(key, value)?,
        "frontend.linkmaxsize" => config.link_bytes = count(key, value)?,
        "system.maxcallbacksperworkflow" => config.callbacks = count(key, value)?,
        "frontend.enableserverversioncheck" => config.check_client_versions = boolean(key, value)?,
        "frontend.enablecancelworkerpollsonshutdown" => config.end_polls_on_shutdown = boolean(key, value)?,
        "matching.longpollexpirationinterval" => config.task_poll = duration(key, value)?,
        "history.longpollexpirationinterval" => config.history_poll = duration(key, value)?,
        "worker.schedulernamespacestartworkflowrps" => {
            config.schedule_starts_per_second = number(key, value)?;
        }
        _ => return config.run_limits.set(key, name, value),
    }
    Ok(true)
}

/// Keys of the original that client suites set, and that need nothing here: what they switch on is on, not built (and
/// then refused and announced as absent wherever it is asked for), or another piece reads the value.
const WITHOUT_EFFECT: &[&str] = &[
    "component.nexusoperations.recordcancelrequestcompletionevents",
    "frontend.activityapisenabled",
    "frontend.enableexecutemultioperation",
    "frontend.enableschedules",
    "frontend.enableupdateworkflowexecution",
    "frontend.enableupdateworkflowexecutionasyncaccepted",
    "frontend.listworkersenabled",
    "frontend.workercommandsenabled",
    "frontend.workerheartbeatsenabled",
    "frontend.workerversioningdataapis",
    "frontend.workerversioningruleapis",
    "frontend.workerversioningworkflowapis",
    "history.enablerequestidreflinks",
    "history.enableworkflowtaskcompletionpagination",
    "matching.numtaskqueuereadpartitions",
    "matching.numtaskqueuewritepartitions",
    "matching.rps",
    "system.enableactivityeagerexecution",
    "system.enablecancelactivityworkercommand",
    "system.enabledeployments",
    "system.enabledeploymentversions",
    "system.enableeagerworkflowstart",
    "system.enablenexus",
    "system.forcesearchattributescacherefreshonread",
    "system.refreshnexusendpointsminwait",
    "system.transactionsizelimit",
];

/// Whether the key (lower case) is known to need nothing.
pub(super) fn without_effect(name: &str) -> bool {
    WITHOUT_EFFECT.contains(&name)
}
