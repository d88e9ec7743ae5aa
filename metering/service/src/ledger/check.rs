//! What an object must be to be taken in at all.
//!
//! An object comes from a cell, and a cell may be broken. What is refused here changes nothing and stops its own shard
//! only; what is let through cannot overflow anything, nor keep metering busy for ever.

use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{ActionType, Attribution, UsageEntry, UsageObject};
use thiserror::Error;
use uuid::Uuid;

use crate::cube::{Kind, LONGEST_NAMES};
use crate::hour::{HOUR_MS, start_of};

/// Times that usage may be of: the years 1970 to 9998, which leaves room to add hours and to show what comes out.
const TIMES_MS: std::ops::Range<i64> = 0..253_370_764_800_000;

/// The longest time from the first unsealed hour to the last thing that an object says, ten years: longer than any
/// standstill, and still a number of hours that can be closed one by one.
pub(super) const LONGEST_SPAN_MS: i64 = 10 * 366 * 24 * HOUR_MS;

/// An object that no cell would have written. Nothing of it is taken in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NotUsage {
    /// A namespace id that is no UUID.
    #[error("a namespace id of {0} bytes")]
    NamespaceId(usize),
    /// An entry or a seal outside the rows that the object covers.
    #[error("row {seq} is outside of rows {from}..{to}")]
    Row {
        /// The row.
        seq: u64,
        /// First row covered.
        from: u64,
        /// One past the last row covered.
        to: u64,
    },
    /// Two entries at one position: one of them would be dropped.
    #[error("two entries at row {seq}, index {index}")]
    Twice {
        /// The row.
        seq: u64,
        /// Index among its entries.
        index: u32,
    },
    /// An entry without a kind, or of one that this version does not know.
    #[error("the entry at row {0} is of no known kind")]
    Kind(u64),
    /// A seal of something that is no hour.
    #[error("a seal of {0} ms, which is no whole hour")]
    Seal(i64),
    /// A time at which nothing can have been used.
    #[error("a time of {0} ms, which is not in the years 1970 to 9998")]
    Time(i64),
    /// Times too far apart, or too far from what is known of the shard.
    #[error("times from {from_ms} ms to {to_ms} ms, more than ten years in one object")]
    Span {
        /// The earliest time, the first unsealed hour included.
        from_ms: i64,
        /// The latest.
        to_ms: i64,
    },
    /// Names of a cell and of what belongs to a namespace, together, that no row has room for.
    #[error("names of {0} bytes together, more than {LONGEST_NAMES}")]
    Names(usize),
    /// A number that no log and no record reaches.
    #[error("a {what} of {number}")]
    Number {
        /// Which.
        what: &'static str,
        /// The number.
        number: u64,
    },
}

/// Refuses an object that cannot be taken in whole.
pub(super) fn check(object: &UsageObject) -> Result<(), NotUsage> {
    let covered = object.from_seq..object.to_seq;
    let row = |seq: u64| {
        let outside = NotUsage::Row { seq, from: object.from_seq, to: object.to_seq };
        covered.contains(&seq).then_some(()).ok_or(outside)
    };
    stored("last row", object.to_seq)?;
    time(object.written_at_ms)?;
    for positioned in &object.entries {
        row(positioned.seq)?;
        let entry = positioned.entry.as_ref().ok_or(NotUsage::Kind(positioned.seq))?;
        namespace_id(&entry.namespace_id)?;
        time(entry.at_ms)?;
        amount(entry).ok_or(NotUsage::Kind(positioned.seq))?;
    }
    names(object.cell_id.len())?;
    for attribution in &object.attributions {
        namespace_id(&attribution.namespace_id)?;
        let Attribution { namespace, account_id, project_id, .. } = attribution;
        let owner = namespace.len() + account_id.len() + project_id.len() + tags(attribution).len();
        names(object.cell_id.len() + owner)?;
        stored("generation", attribution.generation)?;
    }
    for seal in &object.seals {
        row(seal.seq)?;
        time(seal.hour_start_ms)?;
        if seal.hour_start_ms != start_of(seal.hour_start_ms) {
            return Err(NotUsage::Seal(seal.hour_start_ms));
        }
    }
    Ok(())
}

/// The last moment that an object speaks of: its own time, an entry's, or the end of an hour that it seals.
pub(crate) fn latest(object: &UsageObject) -> i64 {
    let entries = object.entries.iter().filter_map(|positioned| positioned.entry.as_ref());
    let seals = object.seals.iter().map(|seal| seal.hour_start_ms.saturating_add(HOUR_MS));
    entries.map(|entry| entry.at_ms).chain(seals).fold(object.written_at_ms, i64::max)
}

/// Whether anything can have been used then.
pub(crate) fn is_time(at_ms: i64) -> bool {
    TIMES_MS.contains(&at_ms)
}

fn time(at_ms: i64) -> Result<(), NotUsage> {
    if is_time(at_ms) { Ok(()) } else { Err(NotUsage::Time(at_ms)) }
}

/// The database's integers have a sign.
fn stored(what: &'static str, number: u64) -> Result<(), NotUsage> {
    if i64::try_from(number).is_ok() { Ok(()) } else { Err(NotUsage::Number { what, number }) }
}

fn names(bytes: usize) -> Result<(), NotUsage> {
    if bytes <= LONGEST_NAMES { Ok(()) } else { Err(NotUsage::Names(bytes)) }
}

/// A namespace's tags as JSON with sorted keys: equal tags are equal texts.
pub(super) fn tags(attribution: &Attribution) -> String {
    serde_json::to_string(&attribution.tags).expect("a map of texts is JSON")
}

pub(super) fn namespace_id(bytes: &[u8]) -> Result<Uuid, NotUsage> {
    Uuid::from_slice(bytes).map_err(|_| NotUsage::NamespaceId(bytes.len()))
}

/// What an entry says.
pub(super) enum Amount {
    Actions(ActionType, u64),
    Storage(Kind, i64),
}

/// What an entry says; none where this version does not know it.
pub(super) fn amount(entry: &UsageEntry) -> Option<Amount> {
    match entry.kind.as_ref()? {
        EntryKind::Actions(actions) => match actions.r#type() {
            ActionType::Unspecified => None,
            known => Some(Amount::Actions(known, actions.count)),
        },
        EntryKind::Storage(delta) => {
            Kind::of_class(delta.class()).map(|kind| Amount::Storage(kind, delta.bytes))
        }
    }
}
