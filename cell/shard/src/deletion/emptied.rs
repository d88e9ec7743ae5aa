//! Emptying namespaces that were removed: everything that a shard holds of one is deleted, open or closed.
//!
//! Once a namespace is unknown nothing is decided in it any more. A checkpoint puts what memory alone holds of it into
//! rows; from then on these say all that there is, and go page by page. One record deletes a page, and takes what was
//! billed for it off, so that a crash in the middle leaves the rest for the next call, and nothing is taken off twice.

use super::billed::Billed;
use super::logged::add_deletion;
use crate::error::ShardError;
use crate::load::Reads;
use crate::memory::{Shard, ShardState};
use crate::quarantine::Unfit;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::EntitiesDeleted;
use atoll_internal_api::log::v1::record::ShardFact;
use cell_store::{Epoch, ShardId};
use uuid::Uuid;

impl ShardRuntime {
    /// Deletes everything that the shards hold of namespaces that the cell does not know any more; storage is billed
    /// for it until now. Answers of each whether nothing is left: what cannot be read is, for nobody knows what was
    /// billed for it; it is kept aside, for an operator to drop. An error of one shard holds up none of the others, and
    /// leaves the rest for the next call.
    pub async fn empty_namespaces(&self, ids: &[Uuid]) -> Vec<Result<bool, ShardError>> {
        let mut all = vec![Ok(true); ids.len()];
        for shard in &self.shards {
            let of_shard = match self.empty_shard(shard, ids).await {
                Ok(of_shard) => of_shard,
                Err(error) => vec![Err(error); ids.len()],
            };
            for (all, of_shard) in all.iter_mut().zip(of_shard) {
                *all = match (std::mem::replace(all, Ok(true)), of_shard) {
                    (Ok(empty), Ok(empty_here)) => Ok(empty && empty_here),
                    (Err(error), _) | (Ok(_), Err(error)) => Err(error),
                };
            }
        }
        all
    }

    async fn empty_shard(
        &self,
        shard: &Shard,
        ids: &[Uuid],
    ) -> Result<Vec<Result<bool, ShardError>>, ShardError> {
        let epoch = shard.lock_serving()?.epoch;
        self.checkpoint(shard).await?;
        let mut emptied = Vec::with_capacity(ids.len());
        for id in ids {
            emptied.push(self.delete_all_of(shard, epoch, *id).await);
        }
        let has_rows = {
            let state = shard.state.lock();
            state.table.removable(state.log.durable).any(|(key, _)| ids.contains(&key.namespace_id))
        };
        if has_rows {
            // They go, and with them the last that is known of their deletion.
            self.checkpoint(shard).await?;
        }
        // A checkpoint of a shard that was lost writes nothing: what stands in its log alone is in no page.
        let state = shard.lock_serving_in(epoch)?;
        for (id, emptied) in ids.iter().zip(&mut emptied) {
            if let Ok(empty) = emptied {
                *empty &= !state.table.rows_lack_steps_in(*id);
            }
        }
        Ok(emptied)
    }

    /// Deletes what rows say that there is of a namespace, page by page. Answers whether it could delete all of that.
    async fn delete_all_of(
        &self,
        shard: &Shard,
        epoch: Epoch,
        namespace_id: Uuid,
    ) -> Result<bool, ShardError> {
        let (mut after, mut empty) = (None, true);
        loop {
            let limit = self.config.retention_batch.min(self.loads.at_once());
            let page = self.store.of_namespace(shard.id, namespace_id, after.as_ref(), limit).await?;
            if page.is_empty() {
                return Ok(empty);
            }
            let (read, all) = self.delete_page(shard, epoch, namespace_id, &page).await?;
            empty &= all;
            after = page.into_iter().take(read).last();
        }
    }

    /// Deletes as many of these as can be read together, with one record, which is durable when this returns. Answers
    /// how many those are, and whether it could delete all of them.
    async fn delete_page(
        &self,
        shard: &Shard,
        epoch: Epoch,
        namespace_id: Uuid,
        page: &[EntityKey],
    ) -> Result<(usize, bool), ShardError> {
        // No rows go meanwhile: what is read here was not deleted before it is looked at below.
        let one_at_a_time = shard.checkpointing.lock().await;
        let wanted: Vec<(ShardId, EntityKey)> = page.iter().map(|key| (shard.id, key.clone())).collect();
        let (rows, charge) = self.loads.together(&wanted, Reads::ONCE).await?;
        let read = rows.len();
        let (mut found, mut unreadable) = (Vec::with_capacity(read), Vec::new());
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
            let mut state = shard.lock_serving_in(epoch)?;
            if self.namespaces.namespace(namespace_id).is_some() {
                return Ok((read, false));
            }
            // An operator has dropped it, and its rows cannot be removed.
            unreadable.retain(|(key, _)| !state.table.deleted.contains_key(*key));
            for (key, why) in &unreadable {
                tracing::error!(shard = shard.id.0, ?key, why, "an entity of a removed namespace stays");
                state.quarantine(key, None, &Unfit::Unreadable(why.clone()));
            }
            found.retain(|(key, _)| !state.table.row_lacks_steps(key));
            let ordinal = self.log_deletions(&mut state, namespace_id, &found);
            self.wrote(shard, &state);
            state.log.wait_for(ordinal)
        };
        drop(one_at_a_time);
        self.released(shard, durable).await?;
        Ok((read, unreadable.is_empty() && found.len() == readable))
    }

    /// Logs the deletion of these, if there are any. Answers the last ordinal that there is.
    fn log_deletions(
        &self,
        state: &mut ShardState,
        namespace_id: Uuid,
        found: &[(&EntityKey, Billed)],
    ) -> u64 {
        let now = state.advance(self.wall.look());
        let storage_from = self.storage_from(state);
        let (mut fact, mut usage) = (EntitiesDeleted::default(), Vec::new());
        for (key, billed) in found {
            if !state.table.deleted.contains_key(*key) {
                usage.extend(billed.removed(namespace_id, now.millis().max(storage_from)));
                add_deletion(&mut fact, key, billed.bytes(), now.millis());
            }
        }
        if fact == EntitiesDeleted::default() {
            return state.log.applied;
        }
        state.commit_fact(&self.config, now, usage, Some(ShardFact::EntitiesDeleted(fact)))
    }
}
