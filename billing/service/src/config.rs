//! Configuration.

use std::path::PathBuf;

use crate::Database;
use crate::store::limits;

/// What billing is told. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it stores.
    pub database: Database,
    /// Rate cards (TOML); none for the public pay-as-you-go prices.
    pub rate_cards: Option<PathBuf>,
    /// How many months before the one that is closed are checked for usage that came after their invoice. Later usage
    /// of older months is not billed: customers close their books too.
    pub correction_months: u8,
}

/// A quarter: what comes later than that is old news.
const CORRECTION_MONTHS: u8 = 3;

impl Config {
    /// The defaults, with this database, whose calls may take as long as an invoice of the largest size.
    pub fn new(database: Database) -> Self {
        Self {
            database: database.with_limits(limits()),
            rate_cards: None,
            correction_months: CORRECTION_MONTHS,
        }
    }
}
