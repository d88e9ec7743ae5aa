//! Limits and switches that operators and SDK test suites set by the original's keys.

mod keys;
mod run_limits;
mod value;

pub use keys::DynamicConfig;
pub use run_limits::RunLimits;

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
            if !config.set(key, &name, &json)? && unseen && !keys::without_effect(&name) {
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
    use std::time::Duration;

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
