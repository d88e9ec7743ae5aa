//! Where usage comes from: metering's usage interface, seen as billing needs it.

mod remote;
mod service;

use std::fmt;

use async_trait::async_trait;
use billing_core::line::Period;
use billing_core::usage::MeteredUsage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use remote::RemoteUsageService;
pub use service::UsageServiceSource;

/// An hour that a shard has not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingHour {
    /// The cell.
    pub cell_id: String,
    /// The shard.
    pub shard: u32,
    /// Start of the hour.
    pub hour: Timestamp,
}

impl fmt::Display for MissingHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {}, shard {}, hour {}", self.cell_id, self.shard, self.hour)
    }
}

/// How complete a period is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// Every hour of every cell is in.
    pub complete: bool,
    /// Some of what is missing, earliest first.
    pub missing: Vec<MissingHour>,
    /// Every hour of every cell before this instant is in; none when that holds for no hour.
    pub complete_until: Option<Timestamp>,
    /// What operators of metering have given up of the period: complete hours that lack usage.
    pub exemptions: Vec<Exemption>,
    /// The usage of hours before the end of the period, by name.
    pub version: CubeVersion,
}

/// Usage that a complete period lacks for good, because an operator of metering gave it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// What, in words.
    pub what: String,
    /// The operator's reason.
    pub reason: String,
}

/// What metering calls the usage of hours before a moment. It is an identity: the same name is the same usage, and of
/// two names none is the later one. Usage that goes back, because metering's database did, has another name as well as
/// usage that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CubeVersion {
    /// The moment.
    pub until: Timestamp,
    /// The name; never empty.
    pub name: String,
}

/// Usage could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageSourceError {
    /// Usage is not, or no longer, of the version that was asked for: whoever reads begins again.
    #[error("usage changed while it was read")]
    Changed,
    /// Passing: the caller tries again.
    #[error("usage is unavailable: {0}")]
    Unavailable(String),
    /// What was read makes no sense; trying again will not help.
    #[error("usage cannot be read: {0}")]
    Malformed(String),
}

/// Metered usage.
#[async_trait]
pub trait UsageSource: Send + Sync + 'static {
    /// How complete a period of whole hours is, over all cells.
    async fn completeness(&self, period: Period) -> Result<Completeness, UsageSourceError>;

    /// An account's usage in a period of whole hours that ends no later than `version.until`, all of it of that
    /// version: [`UsageSourceError::Changed`] where a part is not. Hours that are still open are counted as far as they
    /// are known.
    async fn usage(
        &self,
        account_id: &str,
        period: Period,
        version: &CubeVersion,
    ) -> Result<MeteredUsage, UsageSourceError>;
}
