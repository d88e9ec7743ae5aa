//! Emptying namespaces that were removed: everything that a shard holds of one is deleted, open or closed.
//!
//! Once a namespace is unknown nothing is decided in it any more. A checkpoint puts what memory alone holds of it into
//! rows; from then on these say all that there is, and go page by page. One record deletes a page, and takes what was
//! billed for it off, so that a crash in the middle leaves the rest for the next call, and nothing is taken off twice.

use super::billed::Billed;
use super::logged::add_deletion;
use crate::error::ShardError;
use crate::load::{Reads, stored};
use crate::memory::{Phase, Shard, ShardState};
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::EntitiesDeleted;
use atoll_internal_api::log::v1::record::ShardFact;
use cell_store::{Epoch, ShardId};
use uuid::Uuid;

impl ShardRuntime {
    /// Deletes everything that the shards hold of a namespace that the cell does not know any more; storage is billed
    /// for it until now. Answers whether nothing is left: what cannot be read is, for nobody knows what was billed for
    /// it; it is kept aside, for an operator to drop. An error of one shard holds up none of the others, and leaves the rest
    /// for the next call.
    pub async fn empty_namespace(&self, namespace_id: Uuid) -> Result<bool, ShardError> {
        let (mut empty, mut failed) = (true, None);
        for shard in &self.shards {
            match self.empty_shard(shard, namespace_id).await {
                Ok(all) => empty &= all,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(empty), Err)
    }

    async fn empty_shard(&self, shard: &Shard, namespace_id: Uuid) -> Result<bool, ShardError> {
        let epoch = {
            let state = shard.state.lock();
            if state.phase != Phase::Serving {
                return Err(ShardError::NotOwner(shard.id));
            }
            state.epoch
        };
        self.checkpoint(shard).await?;
        let (mut after, mut empty) = (None, true);
        loop {
            let limit = self.config.retention_batch.min(self.load_sizes.at_once());
            let page = self.store.of_namespace(shard.id, namespace_id, after.as_ref(), limit).await?;
            if page.is_empty() {
                break;
            }
            empty &= self.delete_page(shard, epoch, namespace_id, &page).await?;
            after = page.into_iter().last();
        }
        // Their rows go, and with them the last that is known of their deletion.
        self.checkpoint(shard).await?;
        let state = shard.state.lock();
        if !state.serves(epoch) {
            // A checkpoint of a shard that was lost writes nothing: what stands in its log alone is in no page.
            return Err(ShardError::NotOwner(shard.id));
        }
        Ok(empty && !state.table.rows_lack_steps_in(namespace_id))
    }

    /// Deletes these with one record, which is durable when this returns. Answers whether it could delete all of them.
    async fn delete_page(
        &self,
        shard: &Shard,
        epoch: Epoch,
        namespace_id: Uuid,
        page: &[EntityKey],
    ) -> Result<bool, ShardError> {
        // No rows go meanwhile: what is read here was not deleted before it is looked at below.
        let one_at_a_time = shard.checkpointing.lock().await;
        let wanted: Vec<(ShardId, EntityKey)> = page.iter().map(|key| (shard.id, key.clone())).collect();
        let mut charge = self.charge_loads(page.len());
        let rows = stored::load(&*self.store, &wanted, Reads::ONCE).await?;
        charge.resize(rows.iter().map(|row| self.load_sizes.seen(row)).sum());
        let (mut found, mut unreadable) = (Vec::with_capacity(page.len()), Vec::new());
        for (key, row) in page.iter().zip(rows) {
            match row {
                Ok(Some(row)) => found.push((key, Billed::of(Some(row)))),
                Ok(None) => {}
                Err(why) => unreadable.push((key, why)),
            }
        }
        drop(charge);
        let readable = found.len();
        let durable = {
            let mut state = shard.state.lock();
            if !state.serves(epoch) {
                return Err(ShardError::NotOwner(shard.id));
            }
            if self.namespaces.namespace(namespace_id).is_some() {
                return Ok(false);
            }
            // An operator has dropped it, and its rows cannot be removed.
            unreadable.retain(|(key, _)| !state.table.deleted.contains_key(*key));
            for (key, why) in &unreadable {
                tracing::error!(shard = shard.id.0, ?key, why, "an entity of a removed namespace stays");
                state.quarantine(key, None, &format!("its stored row cannot be read: {why}"));
            }
            found.retain(|(key, _)| !state.table.row_lacks_steps(key));
            let ordinal = self.log_deletions(&mut state, namespace_id, &found);
            self.wrote(shard, &state);
            state.log.wait_for(ordinal)
        };
        drop(one_at_a_time);
        self.released(shard, durable).await?;
        Ok(unreadable.is_empty() && found.len() == readable)
    }

    /// Logs the deletion of these, if there are any. Answers the last ordinal that there is.
    fn log_deletions(
        &self,
        state: &mut ShardState,
        namespace_id: Uuid,
        found: &[(&EntityKey, Billed)],
    ) -> u64 {
        let now = state.advance(self.wall.look());
        let unsealed_from = state.log.unsealed_from();
        let (mut fact, mut usage) = (EntitiesDeleted::default(), Vec::new());
        for (key, billed) in found {
            if !state.table.deleted.contains_key(*key) {
                usage.extend(billed.removed(namespace_id, now.millis().max(unsealed_from)));
                add_deletion(&mut fact, key, billed.bytes(), now.millis());
            }
        }
        if fact == EntitiesDeleted::default() {
            return state.log.applied;
        }
        state.commit_fact(&self.config, now, usage, Some(ShardFact::EntitiesDeleted(fact)))
    }
}
