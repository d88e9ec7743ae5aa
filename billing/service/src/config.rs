//! Configuration.

use std::path::PathBuf;

use serde::Deserialize;

/// Billing's section of the configuration. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The SQLite file; made when it is missing.
    pub database: PathBuf,
    /// Rate cards (TOML); none for the public pay-as-you-go prices.
    #[serde(default)]
    pub rate_cards: Option<PathBuf>,
    /// How many months before the one that is closed are checked for usage that came after their invoice. Later usage
    /// of older months is not billed: customers close their books too.
    #[serde(default = "default_correction_months")]
    pub correction_months: u8,
}

impl Config {
    /// The defaults, with the database at `database`.
    pub fn new(database: PathBuf) -> Self {
        Self { database, rate_cards: None, correction_months: default_correction_months() }
    }
}

const fn default_correction_months() -> u8 {
    3
}
