//! Removing the rows of entities that were deleted.
//!
//! A deletion may be acted on only once its record is durable; then the rows go with the next checkpoint, before the
//! trim takes the record. Where the store refuses to remove those of one entity, for its bytes are damaged, that is
//! this entity's trouble alone: it does not exist all the same. The shard's own state says so from then on, in place of
//! the log, and each owner tries once to remove what is left. It names so many at most ([`MOST_UNREMOVED`]): where more
//! are damaged the log keeps the other deletions, until somebody mends the store.

use crate::damage::or_damage;
use crate::error::ShardError;
use crate::memory::{Deleted, EntityTable, Shard};
use crate::names::{key_of, name_of};
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::EntityName;
use cell_store::{Checkpoint, Epoch, StoreError};
use std::collections::BTreeMap;

/// Deleted entities that a shard's own state names, about 100 KB of it.
const MOST_UNREMOVED: usize = 1_000;

/// Deleted entities whose rows the store has refused to remove, with what it said to this owner, if it was asked. They
/// may have come back since: until such a one is written, rows of before stand.
#[derive(Default)]
pub(crate) struct Unremoved(BTreeMap<EntityKey, Option<String>>);

impl Unremoved {
    /// Those that the shard's own state names: nobody has asked the store again.
    pub(crate) fn stored(names: &[EntityName]) -> Self {
        Self(names.iter().filter_map(key_of).map(|key| (key, None)).collect())
    }

    /// How they are named in the shard's own state.
    pub(crate) fn names(&self) -> Vec<EntityName> {
        self.0.keys().map(name_of).collect()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &EntityKey> {
        self.0.keys()
    }

    /// The store refused to remove its rows. Answers whether that is noted: not where there are too many of them.
    fn refused(&mut self, key: &EntityKey, why: &str) -> bool {
        let has_room = self.0.len() < MOST_UNREMOVED || self.0.contains_key(key);
        if has_room {
            self.0.insert(key.clone(), Some(why.to_owned()));
        }
        has_room
    }

    /// It is deleted anew: other rows may stand than those that the store refused to remove.
    pub(crate) fn ask_again(&mut self, key: &EntityKey) {
        if let Some(said) = self.0.get_mut(key) {
            *said = None;
        }
    }

    fn is_refused(&self, key: &EntityKey) -> bool {
        self.0.get(key).is_some_and(Option::is_some)
    }

    /// Its rows are gone, or those of a new entity of this name stand in their place.
    pub(crate) fn gone(&mut self, key: &EntityKey) {
        self.0.remove(key);
    }

    /// What a person should know of them.
    pub(crate) fn problem(&self) -> Option<String> {
        let mut refused = self.0.iter().filter_map(|(key, why)| Some((key, why.as_ref()?)));
        let (key, why) = refused.next()?;
        let (count, id) = (1 + refused.count(), &key.id);
        let full = if self.0.len() < MOST_UNREMOVED { "" } else { "; the log keeps those of further ones" };
        Some(format!("rows of {count} deleted entities cannot be removed, of {id:?} for one: {why}{full}"))
    }
}

impl EntityTable {
    /// How many deletions memory holds until their rows are removed, but for those that the store refused.
    pub(crate) fn deletions_ahead(&self) -> usize {
        self.deleted.len().saturating_sub(self.unremoved.0.len())
    }

    /// Entities whose deletion is durable and whose rows have yet to be removed, but for those that the store refused.
    pub(crate) fn to_remove(&self, durable: u64) -> Vec<(EntityKey, Deleted)> {
        self.removable(durable).map(|(key, gone)| (key.clone(), *gone)).collect()
    }

    /// The same.
    pub(crate) fn removable(&self, durable: u64) -> impl Iterator<Item = (&EntityKey, &Deleted)> {
        let durable = self.deleted.iter().filter(move |(_, gone)| gone.ordinal <= durable);
        durable.filter(|(key, _)| !self.unremoved.is_refused(key))
    }
}

impl ShardRuntime {
    /// Removes the rows of these, a bounded number in one slice; what others share of their histories stays. Of one
    /// that came back meanwhile those of before stand, for nobody else writes entities.
    pub(crate) async fn remove_deleted(
        &self,
        shard: &Shard,
        epoch: Epoch,
        deleted: &[(EntityKey, Deleted)],
    ) -> Result<(), ShardError> {
        self.refer_first(shard, epoch, deleted).await?;
        for some in deleted.chunks(self.config.slice_entities.max(1)) {
            if or_damage(self.remove_rows(shard, epoch, some).await)?.is_err() {
                self.remove_each(shard, epoch, some).await?;
            }
        }
        Ok(())
    }

    /// Writes the references of entities of the same families that are not stored yet: what they share with these stays
    /// then. Whoever is forked later is forked from one that stays.
    async fn refer_first(
        &self,
        shard: &Shard,
        epoch: Epoch,
        deleted: &[(EntityKey, Deleted)],
    ) -> Result<(), ShardError> {
        let (references, durable) = {
            let mut state = shard.lock_serving_in(epoch)?;
            let (references, ordinal) = state.table.forks.related_to(deleted.iter().map(|(key, _)| key));
            if references.is_empty() {
                return Ok(());
            }
            (references, state.log.wait_for(ordinal))
        };
        self.released(shard, durable).await?;
        self.write_slice(shard, &Checkpoint { references, ..Checkpoint::empty(shard.id, epoch) }).await
    }

    /// The same one by one, where the store calls the slice of all corrupt. Should it be the store that takes nothing
    /// at all, the rest of the checkpoint fails of that.
    async fn remove_each(
        &self,
        shard: &Shard,
        epoch: Epoch,
        deleted: &[(EntityKey, Deleted)],
    ) -> Result<(), ShardError> {
        for one in deleted.chunks(1) {
            let Err(why) = or_damage(self.remove_rows(shard, epoch, one).await)? else { continue };
            let mut state = shard.lock_serving_in(epoch)?;
            for (key, _) in one {
                tracing::error!(shard = shard.id.0, ?key, why, "rows of a deleted entity stay");
                if !state.table.unremoved.refused(key, &why) {
                    return Err(StoreError::Corrupt(why).into());
                }
            }
        }
        Ok(())
    }

    async fn remove_rows(
        &self,
        shard: &Shard,
        epoch: Epoch,
        deleted: &[(EntityKey, Deleted)],
    ) -> Result<(), ShardError> {
        let mut slice = Checkpoint::empty(shard.id, epoch);
        slice.deleted = deleted.iter().map(|(key, _)| key.clone()).collect();
        slice.outbox_done = {
            let state = shard.state.lock();
            deleted.iter().filter_map(|(key, _)| state.done_apart(key)).collect()
        };
        self.write_slice(shard, &slice).await?;
        let mut state = shard.lock_serving_in(epoch)?;
        state.table.rows_are_gone(deleted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_engine::Registry;
    use cell_memory::Budget;
    use std::sync::Arc;
    use uuid::Uuid;

    /// What the store refused to remove may have been written over by a new entity of the name, in a slice that was on
    /// its way when that was deleted in turn.
    #[test]
    fn what_is_deleted_anew_is_removed_though_the_rows_of_before_were_refused() {
        let (kinds, memory) = (Arc::new(Registry::default()), Budget::new(1 << 20));
        let mut table = EntityTable::new(kinds, 7, memory, metrics::Counter::noop());
        let key = EntityKey::run(Uuid::nil(), "again", Uuid::nil());
        table.delete(&key, 1, 1);
        assert!(table.unremoved.refused(&key, "damaged"));
        assert!(table.to_remove(9).is_empty(), "nobody tries again and again");
        table.delete(&key, 2, 2);
        assert_eq!(table.to_remove(9).len(), 1);
    }

    #[test]
    fn a_shard_names_no_more_of_them_than_its_state_should_hold() {
        let mut unremoved = Unremoved::default();
        let keys: Vec<EntityKey> =
            (0..=MOST_UNREMOVED).map(|n| EntityKey::run(Uuid::nil(), format!("w{n}"), Uuid::nil())).collect();
        let (one_more, most) = keys.split_last().expect("many");
        assert!(unremoved.refused(&most[0], "damaged"));
        let said = "rows of 1 deleted entities cannot be removed, of \"w0\" for one: damaged";
        assert_eq!(unremoved.problem().as_deref(), Some(said));
        assert!(most.iter().all(|key| unremoved.refused(key, "damaged")));
        assert!(!unremoved.refused(one_more, "damaged"));
        assert!(unremoved.refused(&most[0], "still"), "it is named already");
        assert_eq!(unremoved.names().len(), MOST_UNREMOVED);
        assert!(unremoved.problem().expect("a problem").ends_with("the log keeps those of further ones"));
        unremoved.gone(&most[0]);
        assert!(unremoved.refused(one_more, "damaged"));
    }
}
