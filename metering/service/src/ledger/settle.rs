//! What becomes of rows that were taken in before it was known that their state is gone.

use std::collections::BTreeMap;

use atoll_internal_api::usage::v1::UsageObject;

use super::check::{Amount, amount, check, namespace_id};
use super::{Ledger, NotUsage, Quantity, StorageKey};
use crate::lineage::Fate;

/// Bytes that stood longer, or less long, than was counted.
#[derive(Debug, Clone)]
pub(crate) struct Turned {
    /// What was done of the rows' fate.
    before: Fate,
    /// What is to be.
    after: Fate,
    /// Storage of the rows counts from here on.
    began_ms: i64,
    /// By what and when: far fewer than rows, for most turn at the same moments.
    bytes: BTreeMap<(StorageKey, i64), Quantity>,
}

impl Turned {
    /// Nothing yet, of rows of an incarnation that began then, whose fate was that and is this.
    pub(crate) fn new(began_ms: i64, before: Fate, after: Fate) -> Self {
        Self { before, after, began_ms, bytes: BTreeMap::new() }
    }

    /// The first row that may count differently; none where no row may.
    pub(crate) fn first_row(&self) -> Option<u64> {
        self.before.first_lost().into_iter().chain(self.after.first_lost()).min()
    }

    /// Whether this is what is done so far.
    pub(crate) fn follows(&self, fate: &Fate) -> bool {
        self.before == *fate
    }

    /// Adds what an object says in these rows, which were taken in before.
    pub(crate) fn add(&mut self, object: &UsageObject, is_in: impl Fn(u64) -> bool) -> Result<(), NotUsage> {
        check(object)?;
        for positioned in object.entries.iter().filter(|positioned| is_in(positioned.seq)) {
            let Some(entry) = &positioned.entry else { continue };
            let Some(Amount::Storage(kind, bytes)) = amount(entry) else { continue };
            let key = (namespace_id(&entry.namespace_id)?, kind);
            let undone = self.before.turns(positioned.seq).map(|(at_ms, sign)| (at_ms, -sign));
            for (at_ms, sign) in undone.chain(self.after.turns(positioned.seq)) {
                let sum = self.bytes.entry((key, at_ms.max(entry.at_ms).max(self.began_ms))).or_default();
                *sum += sign * Quantity::from(bytes);
            }
        }
        Ok(())
    }
}

impl Ledger {
    /// Settles what becomes of the log's rows, of all that are in.
    pub(crate) fn settle(&mut self, turned: &Turned) {
        for ((key, at_ms), bytes) in turned.bytes.iter().filter(|(_, bytes)| **bytes != 0) {
            if self.closed_until_ms.is_some_and(|closed| *at_ms < closed) {
                self.corrected_at = self.watermark;
            }
            self.change(*key, *at_ms, *bytes);
        }
        self.fate = turned.after.clone();
    }
}
