//! Kept steps of entities whose rows the store refuses to read or to write: apart from these, in rows of the outbox.
//!
//! Neither the log nor its trim waits for a row that is damaged. Such a row of the outbox stands under a name that no
//! projection has, with the entity's name as its key, and holds every step that the entity's own row lacks. It goes in
//! one write with what makes it needless: a snapshot that includes its steps, these steps beside a snapshot, or the
//! removal of the entity's rows.
//!
//! It counts where the shard's own state names its entity, which is written with the position that the trim goes up to:
//! a takeover reads none in vain, and is not stopped by a damaged page of the outbox. That state names so many at most
//! ([`MOST_APART`]): of more of them the log keeps the steps, and health says so.
//!
//! An owner that ends between the write of such a row and that of its state leaves the row in vain: the next one finds
//! the same steps in the log, and may have no need to keep them apart. So each owner removes, behind its first
//! checkpoint, the rows of all entities that it does not name.

use crate::damage::or_damage;
use crate::error::ShardError;
use crate::load::Reads;
use crate::load::stored::Stored;
use crate::memory::{EntityTable, Shard, ShardState};
use crate::names::{key_of, name_of};
use crate::quarantine::kept_steps;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::{EntityName, StepsApart};
use bytes::Bytes;
use cell_store::{Checkpoint, Epoch, OutboxDone, OutboxRow, Position, ShardId, ShardStore, StoreError};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// In the outbox, in place of the name of a projection.
pub(crate) const NAME: &str = "kept_steps";
/// Entities that a shard's own state names, about 100 KB of it.
const MOST_APART: usize = 1_000;
/// Rows, and bytes of them, that are looked at together for those that stand in vain.
const SWEPT_ROWS: usize = 64;
const SWEPT_BYTES: usize = 1 << 20;

/// Whose steps stand apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Of {
    /// The entity's.
    Entity,
    /// An earlier one's of its name, which is deleted: what stands there says nothing any more.
    Earlier,
}

/// Entities of which steps stand apart.
#[derive(Default)]
pub(crate) struct Apart {
    of: BTreeMap<EntityKey, Of>,
    /// Whether this owner has removed what stands apart in vain.
    swept: bool,
}

impl Apart {
    /// Those that the shard's own state names.
    pub(crate) fn stored(names: &[EntityName]) -> Self {
        let of = names.iter().filter_map(key_of).map(|key| (key, Of::Entity)).collect();
        Self { of, swept: false }
    }

    /// How they are named in the shard's own state.
    pub(crate) fn names(&self) -> Vec<EntityName> {
        self.of.keys().map(name_of).collect()
    }

    /// Entities that exist and whose rows lack what stands apart.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &EntityKey> {
        self.of.iter().filter(|(_, of)| **of == Of::Entity).map(|(key, _)| key)
    }

    pub(crate) fn is_of(&self, key: &EntityKey) -> bool {
        self.of.get(key) == Some(&Of::Entity)
    }

    fn has_room(&self, key: &EntityKey) -> bool {
        self.of.len() < MOST_APART || self.of.contains_key(key)
    }

    /// The entity is deleted: whoever comes by its name is another one.
    pub(crate) fn deleted(&mut self, key: &EntityKey) {
        if let Some(of) = self.of.get_mut(key) {
            *of = Of::Earlier;
        }
    }

    /// Nothing stands apart any more, or nothing that its row lacks.
    pub(crate) fn gone(&mut self, key: &EntityKey) {
        self.of.remove(key);
    }
}

impl EntityTable {
    /// Steps of an entity stand apart: all that its row lacks.
    fn stands_apart(&mut self, key: &EntityKey) {
        self.apart.of.insert(key.clone(), Of::Entity);
    }
}

impl ShardState {
    /// What a slice removes of an entity that makes needless what stands apart of it, if anything does.
    pub(crate) fn done_apart(&self, key: &EntityKey) -> Option<OutboxDone> {
        // Whatever stands there is of the log as it is now.
        let position = Position { seq: self.log.durable_seq, index: u32::MAX };
        let key = self.table.apart.of.contains_key(key).then(|| row_key(key))?;
        Some(OutboxDone { projection: NAME.to_owned(), key, position })
    }

    /// Takes in what a load found of an entity together with what stands apart of it, as [`Self::insert_loaded`]. An
    /// entity of which that cannot be read is kept aside.
    pub(crate) fn insert_with_apart(
        &mut self,
        key: &EntityKey,
        stored: Stored,
        apart: Result<Option<StepsApart>, String>,
    ) {
        match apart {
            // A slice that made it needless removed it behind the last checkpoint.
            Ok(None) => {
                self.table.apart.gone(key);
                self.insert_loaded(key, stored);
            }
            Ok(Some(StepsApart { reborn, steps })) => {
                let stored = if reborn { Ok(None) } else { stored };
                self.insert_loaded(key, stored.map(|row| Some(kept_steps::with_steps(key, row, steps))));
                if let Some(resident) = self.table.get_mut(key).filter(|_| reborn) {
                    resident.core.reborn = true;
                }
            }
            Err(why) => self.insert_loaded(key, Err(format!("steps that are kept apart of it: {why}"))),
        }
    }
}

/// What stands apart of an entity, or why it cannot be read.
pub(crate) async fn read(
    store: &dyn ShardStore,
    shard: ShardId,
    key: &EntityKey,
    reads: Reads,
) -> Result<Result<Option<StepsApart>, String>, StoreError> {
    let (after, wanted) = (before_row_key(key), row_key(key));
    let mut page =
        match or_damage(reads.run(|| store.outbox(shard, NAME, Some(&after), 1, usize::MAX)).await)? {
            Ok(page) => page,
            Err(why) => return Ok(Err(why)),
        };
    let Some(row) = page.pop().filter(|row| row.key == wanted) else { return Ok(Ok(None)) };
    match StepsApart::decode(row.data) {
        Ok(mut apart) => {
            kept_steps::complete_steps(store, shard, &mut apart.steps, reads).await?;
            Ok(Ok(Some(apart)))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

impl ShardRuntime {
    /// What stands apart of an entity in memory's view; none where nothing does, or where it is of an earlier one.
    pub(crate) async fn steps_apart(
        &self,
        shard: &Shard,
        key: &EntityKey,
    ) -> Result<Result<Option<StepsApart>, String>, StoreError> {
        if !shard.state.lock().table.apart.is_of(key) {
            return Ok(Ok(None));
        }
        read(&*self.store, shard.id, key, Reads::ONCE).await
    }

    /// Writes all that an entity's row lacks apart from it, in place of what stands there. Answers why that cannot be
    /// done where it is this entity's trouble.
    pub(crate) async fn keep_apart(
        &self,
        shard: &Shard,
        epoch: Epoch,
        key: &EntityKey,
        steps: &StepsApart,
    ) -> Result<Result<(), String>, ShardError> {
        let since_ms = {
            let state = shard.state.lock();
            if !state.table.apart.has_room(key) {
                return Ok(Err(format!("steps of {MOST_APART} other entities stand apart")));
            }
            state.time.now().millis()
        };
        let row = OutboxRow {
            projection: NAME.to_owned(),
            key: row_key(key),
            position: steps.steps.last().map_or(Position::default(), kept_steps::position),
            since_ms,
            data: steps.encode_to_vec().into(),
        };
        let slice = Checkpoint { outbox: vec![row], ..Checkpoint::empty(shard.id, epoch) };
        if let Err(why) = or_damage(self.write_slice(shard, &slice).await)? {
            return Ok(Err(why));
        }
        let mut state = shard.lock_serving_in(epoch)?;
        state.table.stands_apart(key);
        if state.table.deleted.contains_key(key) {
            // It was deleted while this was written.
            state.table.apart.deleted(key);
        }
        Ok(Ok(()))
    }

    /// Removes what stands apart in vain, once a term. To be called behind a checkpoint, while no other begins: by then
    /// whatever is needed is named. What is damaged is left to the next owner; all that a store which is away did not
    /// do, to the next checkpoint.
    pub(crate) async fn sweep_apart(&self, shard: &Shard, epoch: Epoch) -> Result<(), ShardError> {
        if shard.state.lock().table.apart.swept {
            return Ok(());
        }
        match self.remove_needless(shard, epoch).await {
            Err(ShardError::Store(StoreError::Corrupt(why))) => {
                tracing::error!(
                    shard = shard.id.0,
                    why,
                    "steps that stand apart in vain cannot be looked for"
                );
            }
            Err(ShardError::Store(error)) => {
                tracing::debug!(shard = shard.id.0, %error, "steps that stand apart in vain are looked for later");
                return Ok(());
            }
            done => done?,
        }
        let mut state = shard.state.lock();
        if state.serves(epoch) {
            state.table.apart.swept = true;
        }
        Ok(())
    }

    async fn remove_needless(&self, shard: &Shard, epoch: Epoch) -> Result<(), ShardError> {
        let mut after = None;
        loop {
            let page = self.store.outbox(shard.id, NAME, after.as_ref(), SWEPT_ROWS, SWEPT_BYTES).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            let named: BTreeSet<Bytes> = {
                let state = shard.lock_serving_in(epoch)?;
                state.table.apart.of.keys().map(row_key).collect()
            };
            for OutboxRow { projection, key, position, .. } in page {
                if named.contains(&key) {
                    continue;
                }
                let outbox_done = vec![OutboxDone { projection, key, position }];
                let slice = Checkpoint { outbox_done, ..Checkpoint::empty(shard.id, epoch) };
                if let Err(why) = or_damage(self.write_slice(shard, &slice).await)? {
                    tracing::error!(shard = shard.id.0, why, "steps that stand apart in vain stay there");
                }
            }
        }
    }
}

/// The key directly before that of an entity's row.
fn before_row_key(key: &EntityKey) -> Bytes {
    name_of(key).encode_to_vec().into()
}

fn row_key(key: &EntityKey) -> Bytes {
    let mut bytes = name_of(key).encode_to_vec();
    bytes.push(0);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_shard_names_no_more_of_them_than_its_state_should_hold() {
        let mut apart = Apart::default();
        let key = |n: usize| EntityKey::run(Uuid::nil(), format!("w{n}"), Uuid::nil());
        for n in 0..MOST_APART {
            assert!(apart.has_room(&key(n)));
            apart.of.insert(key(n), Of::Entity);
        }
        assert!(!apart.has_room(&key(MOST_APART)));
        assert!(apart.has_room(&key(0)), "it is named already");
        apart.gone(&key(0));
        assert!(apart.has_room(&key(MOST_APART)));
    }
}
