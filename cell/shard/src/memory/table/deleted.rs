//! Entities that were deleted and whose rows may still stand.

use super::EntityTable;
use atoll_internal_api::entity::EntityKey;

/// An entity that was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deleted {
    /// Ordinal of the deletion.
    pub(crate) ordinal: u64,
    /// First log row that its stored snapshot does not include: needed until the deletion is durable.
    pub(crate) first_dirty: Option<u64>,
    /// Log row of the deletion: needed until its rows are gone. None where the shard's own state says it.
    pub(crate) seq: Option<u64>,
}

impl EntityTable {
    /// Notes that an entity is deleted by the record of this ordinal, which stands in this row.
    pub(crate) fn delete(&mut self, key: &EntityKey, ordinal: u64, seq: u64) {
        let kept = self.quarantined.get(key).and_then(|kept| kept.needs_log_from);
        let gone = Deleted { ordinal, first_dirty: self.first_dirty(key).or(kept), seq: Some(seq) };
        self.take_out(key);
        self.deleted.insert(key.clone(), gone);
        self.unremoved.ask_again(key);
        self.apart.deleted(key);
        self.quarantined.remove(key);
    }

    /// Forgets deletions whose rows are gone, but for those of names that somebody is loading: what was read may be
    /// of before.
    pub(crate) fn rows_are_gone(&mut self, deleted: &[(EntityKey, Deleted)]) {
        for (key, gone) in deleted {
            self.unremoved.gone(key);
            self.apart.gone(key);
            self.forks.settled(key);
            if self.deleted.get(key) == Some(gone) && !self.pinned.contains_key(key) {
                self.deleted.remove(key);
            }
        }
        self.forgotten += u64::from(!deleted.is_empty());
    }
}
