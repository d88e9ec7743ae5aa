//! Configuration.

use serde::Deserialize;
use std::path::PathBuf;

/// Metering's section of the configuration. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The SQLite file; made when it is missing.
    pub database: PathBuf,
    /// Milliseconds between looks for new objects.
    #[serde(default = "default_poll_interval_ms")]
    pub poll_interval_ms: u64,
    /// Cells without whose manifest no hour is complete. Cells that are not listed count from their manifest on.
    #[serde(default)]
    pub cells: Vec<String>,
}

impl Config {
    /// The defaults, with the database at `database`.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Self { database: database.into(), poll_interval_ms: default_poll_interval_ms(), cells: Vec::new() }
    }
}

/// Cells write every minute.
const fn default_poll_interval_ms() -> u64 {
    15_000
}
