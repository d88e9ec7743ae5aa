//! Owners that nothing refers to any more.
//!
//! Objects name the owners of what they speak of, as long as the namespace is there. An owner is kept for what comes
//! when it is not: bytes that stand until they are deleted, and entries that come late.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Ledger;
use crate::cube::Kind;
use crate::hour::HOUR_MS;

/// How long an owner is kept that no object has named, and of which nothing stands: longer than a month and the days
/// until it is billed.
const KEPT_MS: i64 = 40 * 24 * HOUR_MS;

/// Most that one object has removed: a transaction has its limits.
const MOST: usize = 1_000;

impl Ledger {
    /// Removes owners that nothing refers to any more.
    pub(super) fn prune(&mut self) {
        let before_ms = self.told_ms.saturating_sub(KEPT_MS);
        let open: BTreeSet<Uuid> = self.open.keys().map(|(_, (id, _))| *id).collect();
        let standing: BTreeSet<Uuid> = self.standing.keys().map(|(id, _): &(Uuid, Kind)| *id).collect();
        let is_kept = |id: &Uuid| open.contains(id) || standing.contains(id);
        let gone = self.owners.iter().filter(|(id, known)| known.named_day_ms < before_ms && !is_kept(id));
        let gone: Vec<Uuid> = gone.map(|(id, _)| *id).take(MOST).collect();
        for id in gone {
            self.owners.remove(&id);
        }
    }
}
