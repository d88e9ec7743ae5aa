//! Limits and switches that operators and SDK test suites set by the original's keys.

mod keys;
mod run_limits;
mod value;

pub use run_limits::RunLimits;

use std::collections::BTreeMap;
use std::time::Duration;

/// Values of the dynamic-configuration keys, typed where this crate uses them. Fixed while a process runs.
///
/// Key names are those of the original and are compared without regard to case.
#[derive(Clone, Debug, PartialEq)]
pub struct DynamicConfig {
    /// `frontend.namespaceRPS`: calls per second of one namespace on one node.
    pub namespace_rps: f64,
    /// `frontend.namespaceBurstRatio`: how many seconds' worth of calls may come at once.
    pub namespace_burst_ratio: f64,
    /// `frontend.namespaceRPS.visibility`: lists and counts per second of one namespace on one node.
    pub namespace_visibility_rps: f64,
    /// `frontend.namespaceBurstRatio.visibility`.
    pub namespace_visibility_burst_ratio: f64,
    /// `frontend.namespaceCount`: concurrent long polls of one namespace on one node.
    pub namespace_long_polls: usize,
    /// `frontend.historyMaxPageSize`: most events (batches) on a page of history.
    pub history_page_size: usize,
    /// `frontend.visibilityMaxPageSize`: most rows on a page of a list.
    pub visibility_page_size: usize,
    /// `limit.maxIDLength`: bytes of any id or name.
    pub id_length: usize,
    /// `limit.blobSize.error`: bytes of one payload field.
    pub blob_bytes: usize,
    /// `limit.memoSize.error`: bytes of a memo.
    pub memo_bytes: usize,
    /// `frontend.searchAttributesNumberOfKeysLimit`: search attributes of one workflow.
    pub search_attributes: usize,
    /// `frontend.searchAttributesSizeOfValueLimit`: bytes of one search attribute value.
    pub search_attribute_bytes: usize,
    /// `frontend.searchAttributesTotalSizeLimit`: bytes of all search attributes of one workflow.
    pub search_attributes_bytes: usize,
    /// `frontend.maxLinksPerRequest`.
    pub links: usize,
    /// `frontend.linkMaxSize`: bytes of one link.
    pub link_bytes: usize,
    /// `system.maxCallbacksPerWorkflow`.
    pub callbacks: usize,
    /// `frontend.enableServerVersionCheck`: refuse clients of versions that are known not to work.
    pub check_client_versions: bool,
    /// `frontend.enableCancelWorkerPollsOnShutdown`: announce that ShutdownWorker ends the worker's polls.
    pub end_polls_on_shutdown: bool,
    /// `matching.longPollExpirationInterval`: how long a poll for tasks waits at most.
    pub task_poll: Duration,
    /// `history.longPollExpirationInterval`: how long a history read waits for an event at most.
    pub history_poll: Duration,
    /// `worker.schedulerNamespaceStartWorkflowRPS`: workflows per second that schedules of one namespace start on one
    /// node. Zero bounds nothing.
    pub schedule_starts_per_second: f64,
    /// What the engine holds runs to.
    pub run_limits: RunLimits,
    /// All values that were given, by key in lower case, for the other pieces of a cell.
    pub given: BTreeMap<String, serde_json::Value>,
}

impl Default for DynamicConfig {
    fn default() -> Self {
        Self {
            namespace_rps: 2_400.0,
            namespace_burst_ratio: 2.0,
            namespace_visibility_rps: 10.0,
            namespace_visibility_burst_ratio: 1.0,
            namespace_long_polls: 1_200,
            history_page_size: 256,
            visibility_page_size: 1_000,
            id_length: 1_000,
            blob_bytes: 2 * 1024 * 1024,
            memo_bytes: 2 * 1024 * 1024,
            search_attributes: 100,
            search_attribute_bytes: 2 * 1024,
            search_attributes_bytes: 40 * 1024,
            links: 10,
            link_bytes: 4_000,
            callbacks: 32,
            check_client_versions: true,
            end_polls_on_shutdown: false,
            task_poll: Duration::from_secs(60),
            history_poll: Duration::from_secs(20),
            schedule_starts_per_second: 30.0,
            run_limits: RunLimits::default(),
            given: BTreeMap::new(),
        }
    }
}

/// A configuration and what should be said about it once.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedDynamicConfig {
    /// The values.
    pub config: DynamicConfig,
    /// One line for each key that nothing here knows, for the log.
    pub warnings: Vec<String>,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DynamicConfigError {
    /// Not of the form `key=value`.
    #[error("dynamic configuration value {0:?} is not of the form KEY=JSON_VALUE")]
    Form(String),
    /// The value is no JSON.
    #[error("dynamic configuration value of {key} is no JSON: {value}")]
    Json {
        /// The key.
        key: String,
        /// The value as it was given.
        value: String,
    },
    /// The value has the wrong type or is out of range.
    #[error("dynamic configuration value of {key} is {value}, but {expected} is expected")]
    Type {
        /// The key.
        key: String,
        /// The value as it was given.
        value: String,
        /// What the key takes.
        expected: &'static str,
    },
}

impl DynamicConfig {
    /// Parses `key=value` settings whose values are JSON. Of several values of one key the last one counts. Unknown
    /// keys are accepted, with a warning each.
    pub fn parse<S: AsRef<str>>(
        settings: impl IntoIterator<Item = S>,
    ) -> Result<ParsedDynamicConfig, DynamicConfigError> {
        let mut config = Self::default();
        let mut warnings = Vec::new();
        for setting in settings {
            let setting = setting.as_ref();
            let (key, text) =
                setting.split_once('=').ok_or_else(|| DynamicConfigError::Form(setting.to_owned()))?;
            let json = serde_json::from_str(text)
                .map_err(|_| DynamicConfigError::Json { key: key.to_owned(), value: text.to_owned() })?;
            let name = key.to_ascii_lowercase();
            let unseen = !config.given.contains_key(&name);
            if !keys::set(&mut config, key, &name, &json)? && unseen && !keys::without_effect(&name) {
                warnings
                    .push(format!("dynamic configuration key {key} is not known here and changes nothing"));
            }
            config.given.insert(name, json);
        }
        Ok(ParsedDynamicConfig { config, warnings })
    }

    /// The value given for a key, whatever its type.
    pub fn value(&self, key: &str) -> Option<&serde_json::Value> {
        self.given.get(&key.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_keys_take_effect_without_regard_to_case() {
        let parsed = DynamicConfig::parse([
            "Frontend.NamespaceRPS=50000",
            "frontend.namespaceRPS.visibility=100",
            "limit.blobSize.error=1024",
            "frontend.enableServerVersionCheck=false",
            "history.longPollExpirationInterval=\"1m30s\"",
        ])
        .unwrap();
        assert_eq!(parsed.warnings, Vec::<String>::new());
        let config = parsed.config;
        assert_eq!((config.namespace_rps, config.namespace_visibility_rps), (50_000.0, 100.0));
        assert_eq!((config.blob_bytes, config.check_client_versions), (1024, false));
        assert_eq!(config.history_poll, Duration::from_secs(90));
        assert_eq!(config.value("frontend.namespacerps"), Some(&50_000.into()));
    }

    #[test]
    fn the_keys_that_sdks_pass_cause_no_warning() {
        let parsed = DynamicConfig::parse([
            "frontend.enableServerVersionCheck=false",
            "frontend.enableUpdateWorkflowExecution=true",
            "frontend.enableUpdateWorkflowExecutionAsyncAccepted=true",
            "system.enableEagerWorkflowStart=true",
            "system.forceSearchAttributesCacheRefreshOnRead=true",
            "frontend.workerVersioningDataAPIs=true",
            "matching.rps=12000",
        ])
        .unwrap();
        assert_eq!(parsed.warnings, Vec::<String>::new());
    }

    #[test]
    fn an_unknown_key_is_accepted_with_one_warning() {
        let parsed = DynamicConfig::parse(["no.such.key=1", "no.such.key={\"a\":2}"]).unwrap();
        assert_eq!(parsed.warnings.len(), 1);
        assert!(parsed.warnings[0].contains("no.such.key"));
        assert_eq!(parsed.config.value("no.such.key").unwrap()["a"], 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for setting in [
            "frontend.namespaceRPS",
            "frontend.namespaceRPS=fast",
            "frontend.namespaceRPS=\"fast\"",
            "frontend.namespaceCount=-1",
            "frontend.enableServerVersionCheck=1",
            "history.longPollExpirationInterval=\"soon\"",
        ] {
            assert!(DynamicConfig::parse([setting]).is_err(), "{setting}");
        }
    }
}
