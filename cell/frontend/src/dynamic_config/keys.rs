//! Which keys there are: an entry for each that is no limit of a run (those stand in `run_limits`), and those that need
//! nothing.

use super::value::{at_least_one, boolean, count, duration, number};
use super::{DynamicConfigError, RunLimits};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Of each key: how its value is read, the field that holds it with its type, and what holds where it is not given.
macro_rules! keys {
    ($($key:literal $read:ident => $(#[$doc:meta])* $field:ident: $type:ty = $default:expr;)*) => {
        /// Values of the dynamic-configuration keys, typed where this crate uses them. Fixed while a process runs.
        ///
        /// Key names are those of the original and are compared without regard to case.
        #[derive(Clone, Debug, PartialEq)]
        pub struct DynamicConfig {
            $(
                #[doc = concat!("`", $key, "`:")]
                $(#[$doc])*
                pub $field: $type,
            )*
            /// What the engine holds runs to.
            pub run_limits: RunLimits,
            /// All values that were given, by key in lower case, for the other pieces of a cell.
            pub given: BTreeMap<String, Value>,
        }

        impl Default for DynamicConfig {
            fn default() -> Self {
                Self { $($field: $default,)* run_limits: RunLimits::default(), given: BTreeMap::new() }
            }
        }

        impl DynamicConfig {
            /// Sets the field that `name` (lower case) stands for; false if there is none. `key` is for messages.
            pub(super) fn set(
                &mut self,
                key: &str,
                name: &str,
                value: &Value,
            ) -> Result<bool, DynamicConfigError> {
                $(
                    if name.eq_ignore_ascii_case($key) {
                        self.$field = $read(key, value)?;
                        return Ok(true);
                    }
                )*
                self.run_limits.set(key, name, value)
            }
        }
    };
}

keys! {
    "frontend.namespaceRPS" number =>
        /// calls per second of one namespace on one node.
        namespace_rps: f64 = 2_400.0;
    "frontend.namespaceBurstRatio" number =>
        /// how many seconds' worth of calls may come at once.
        namespace_burst_ratio: f64 = 2.0;
    "frontend.namespaceRPS.visibility" number =>
        /// lists and counts per second of one namespace on one node.
        namespace_visibility_rps: f64 = 10.0;
    "frontend.namespaceBurstRatio.visibility" number =>
        /// how many seconds' worth of lists and counts may come at once.
        namespace_visibility_burst_ratio: f64 = 1.0;
    "frontend.namespaceCount" count =>
        /// concurrent long polls of one namespace on one node.
        namespace_long_polls: usize = 1_200;
    "frontend.historyMaxPageSize" at_least_one =>
        /// most events (batches) on a page of history.
        history_page_size: usize = 256;
    "frontend.visibilityMaxPageSize" at_least_one =>
        /// most rows on a page of a list.
        visibility_page_size: usize = 1_000;
    "limit.maxIDLength" count =>
        /// bytes of any id or name.
        id_length: usize = 1_000;
    "limit.blobSize.error" count =>
        /// bytes of one payload field.
        blob_bytes: usize = 2 * 1024 * 1024;
    "limit.memoSize.error" count =>
        /// bytes of a memo.
        memo_bytes: usize = 2 * 1024 * 1024;
    "frontend.searchAttributesNumberOfKeysLimit" count =>
        /// search attributes of one workflow.
        search_attributes: usize = 100;
    "frontend.searchAttributesSizeOfValueLimit" count =>
        /// bytes of one search attribute value.
        search_attribute_bytes: usize = 2 * 1024;
    "frontend.searchAttributesTotalSizeLimit" count =>
        /// bytes of all search attributes of one workflow.
        search_attributes_bytes: usize = 40 * 1024;
    "frontend.maxLinksPerRequest" count =>
        /// links of one request.
        links: usize = 10;
    "frontend.linkMaxSize" count =>
        /// bytes of one link.
        link_bytes: usize = 4_000;
    "system.maxCallbacksPerWorkflow" count =>
        /// callbacks of one workflow.
        callbacks: usize = 32;
    "frontend.enableServerVersionCheck" boolean =>
        /// refuse clients of versions that are known not to work.
        check_client_versions: bool = true;
    "frontend.enableCancelWorkerPollsOnShutdown" boolean =>
        /// announce that ShutdownWorker ends the worker's polls.
        end_polls_on_shutdown: bool = false;
    "matching.longPollExpirationInterval" duration =>
        /// how long a poll for tasks waits at most.
        task_poll: Duration = Duration::from_secs(60);
    "history.longPollExpirationInterval" duration =>
        /// how long a history read waits for an event at most.
        history_poll: Duration = Duration::from_secs(20);
    "worker.schedulerNamespaceStartWorkflowRPS" number =>
        /// workflows per second that entities of one namespace start on one node: its schedules. Zero bounds nothing.
        entity_starts_per_second: f64 = 30.0;
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
