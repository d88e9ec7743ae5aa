//! The exact usage of one shard: actions by hour, and storage integrated over shard time. Pure.
//!
//! Storage is linear: a delta of `b` bytes at time `t` adds `b * (end - t)` to the hour that ends at `end`, and `b` to
//! what stands from then on. So an open hour keeps two sums for each namespace and class ([`OpenHour`]), in which the
//! order of deltas does not matter, and a seal turns them and the bytes that stood before into the hour's integral.
//!
//! An hour of storage belongs wholly to whoever owned the namespace when the hour was sealed; an action to its owner
//! when it was written.

mod apply;
mod check;
mod open;
mod prune;
mod settle;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::completeness::ShardProgress;
use crate::cube::{CubeKey, Kind, Owner};
use crate::lineage::Fate;

pub(crate) use apply::Applied;
pub(crate) use check::{NotUsage, is_time, latest};
pub(crate) use settle::Turned;

/// Byte-milliseconds, actions, or bytes. 2^127 is beyond any sum: a log of 2^40 entries of 2^63 bytes over an hour is
/// below 2^125.
pub(crate) type Quantity = i128;

/// One namespace's bytes of one class.
pub(crate) type StorageKey = (Uuid, Kind);

/// What changed in one open hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OpenHour {
    /// Sum of the deltas.
    pub(crate) bytes: Quantity,
    /// Sum of each delta times the milliseconds from it to the end of the hour.
    pub(crate) moment: Quantity,
}

/// An owner with the generation of the namespace record that it was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownOwner {
    /// Who.
    pub(crate) owner: Owner,
    /// Generation.
    pub(crate) generation: u64,
    /// Start of the day of shard time on which an object last named it.
    pub(crate) named_day_ms: i64,
}

/// What metering knows of the log of one shard of one incarnation, and of the levels that it goes on with: those are
/// the same for all incarnations that go on from one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Cell.
    pub(crate) cell_id: String,
    /// Log rows before this one are in.
    pub(crate) watermark: u64,
    /// End of the last hour that the log sealed.
    pub(crate) sealed_until_ms: Option<i64>,
    /// Shard time up to which objects of the log have spoken.
    pub(crate) written_at_ms: i64,
    /// End of the last hour that any log sealed which this ledger is of: it is in the cube.
    pub(crate) closed_until_ms: Option<i64>,
    /// Shard time up to which objects of any of them have spoken.
    pub(crate) told_ms: i64,
    /// Whether rows of any of them were given up.
    pub(crate) is_short: bool,
    /// Storage of the log counts from here on: see [`Origin`](crate::lineage::Origin).
    pub(crate) began_ms: i64,
    /// What became of the log's rows, as far as that is done.
    pub(crate) fate: Fate,
    /// The watermark when sealed hours were last corrected; 0 where they never were.
    pub(crate) corrected_at: u64,
    /// Rows of the log that were given up.
    pub(crate) skipped_rows: u64,
    /// Owners by namespace.
    pub(crate) owners: BTreeMap<Uuid, KnownOwner>,
    /// Bytes that stand at the start of the first unsealed hour; no zeros.
    pub(crate) standing: BTreeMap<StorageKey, Quantity>,
    /// Changes in unsealed hours, by start of the hour.
    pub(crate) open: BTreeMap<(i64, StorageKey), OpenHour>,
    /// What the cube gains.
    pub(crate) gains: BTreeMap<CubeKey, Quantity>,
}

/// The first row of a log: there is no row 0.
pub(crate) const FIRST_ROW: u64 = 1;

impl Ledger {
    /// Of a shard's log that is so far in, with a ledger that is so far; nothing else is known yet.
    pub(crate) fn of(shard: &ShardProgress, ledger: &ShardProgress) -> Self {
        Self {
            closed_until_ms: ledger.sealed_until_ms,
            told_ms: ledger.written_at_ms,
            is_short: ledger.skipped_rows > 0,
            fate: shard.fate.clone(),
            watermark: shard.watermark,
            sealed_until_ms: shard.sealed_until_ms,
            written_at_ms: shard.written_at_ms,
            corrected_at: shard.corrected_at,
            skipped_rows: shard.skipped_rows,
            ..Self::new(&shard.cell_id)
        }
    }

    /// A shard that nothing is known of.
    pub(crate) fn new(cell_id: &str) -> Self {
        Self {
            cell_id: cell_id.to_owned(),
            watermark: FIRST_ROW,
            sealed_until_ms: None,
            written_at_ms: 0,
            closed_until_ms: None,
            told_ms: 0,
            is_short: false,
            began_ms: i64::MIN,
            fate: Fate::default(),
            corrected_at: 0,
            skipped_rows: 0,
            owners: BTreeMap::new(),
            standing: BTreeMap::new(),
            open: BTreeMap::new(),
            gains: BTreeMap::new(),
        }
    }

    fn owner(&self, namespace_id: Uuid) -> Owner {
        self.owners.get(&namespace_id).map(|known| known.owner.clone()).unwrap_or_default()
    }

    /// Gives up the rows before `to_seq`: what comes of them later is known.
    pub(crate) fn skip(&mut self, to_seq: u64) {
        self.skipped_rows = self.skipped_rows.saturating_add(to_seq.saturating_sub(self.watermark));
        self.watermark = self.watermark.max(to_seq);
        self.is_short = true;
    }

    /// What an hour is billed: nothing where rows that were given up leave less than nothing.
    fn billed(&self, integral: Quantity) -> Quantity {
        if self.is_short { integral.max(0) } else { integral }
    }

    fn gain(&mut self, key: CubeKey, quantity: Quantity) {
        if quantity != 0 {
            *self.gains.entry(key).or_default() += quantity;
        }
    }

    /// Namespaces and classes that have bytes, or changes in the hour.
    fn present_in(&self, hour_ms: i64) -> BTreeSet<StorageKey> {
        let changed = self.open.range((hour_ms, LEAST)..).take_while(|((hour, _), _)| *hour == hour_ms);
        self.standing.keys().copied().chain(changed.map(|((_, key), _)| *key)).collect()
    }
}

/// The least storage key, for ranges.
const LEAST: StorageKey = (Uuid::nil(), Kind::Actions);

#[cfg(test)]
mod tests;
