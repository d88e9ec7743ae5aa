//! The usage of one shard's log: what objects say, taken in order of the log and turned into hourly quantities.
//!
//! Storage is integrated by a form that does not depend on the order of changes within an hour. With `standing` bytes
//! at the hour's start, a change of `d` bytes at `t` adds `d * (end - t)` to the hour and `d` to what stands at its end:
//! the hour's integral is `standing * hour + weighted`, exactly. Deletions, which are dated back to the moment that
//! billing stops, need no special case.
//!
//! An hour's storage belongs to what is known of the namespace when the hour is sealed, its actions to what the object
//! says that brings them.

mod rows;
mod take;

pub(crate) use rows::{Owner, RowId, UsageKind};
pub(crate) use take::{Taken, Untakeable};

use std::collections::BTreeMap;
use uuid::Uuid;

/// Stored bytes of one namespace in one of the billed states, in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Series {
    pub(crate) namespace_id: Uuid,
    /// Retained, not active.
    pub(crate) retained: bool,
}

impl Series {
    fn kind(self) -> UsageKind {
        if self.retained { UsageKind::RetainedStorage } else { UsageKind::ActiveStorage }
    }
}

/// Changes of a series within one open hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Accrual {
    /// Bytes that came minus bytes that went.
    pub(crate) net: i128,
    /// Each change times the milliseconds from it to the hour's end.
    pub(crate) weighted: i128,
}

/// Everything known of one shard's log up to the watermark.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ShardUsage {
    /// Rows of the log before this one are in the cube.
    pub(crate) watermark: u64,
    /// First row of the object that moved the watermark last: where looking for newer objects begins.
    pub(crate) last_from: u64,
    /// End of the last sealed hour; none before the first seal.
    pub(crate) sealed_until_ms: Option<i64>,
    /// Shard time up to which usage is known.
    pub(crate) at_ms: i64,
    /// Bytes at the start of the first open hour. Zeros are left out.
    pub(crate) standing: BTreeMap<Series, i128>,
    /// Changes in open hours.
    pub(crate) accruals: BTreeMap<(i64, Series), Accrual>,
    /// Who namespaces belong to.
    pub(crate) owners: BTreeMap<Uuid, Owner>,
}

#[cfg(test)]
mod tests;
