//! The cell's shard and metadata store under the world's weather: a disk that forgets what was not synced, behind calls
//! that wait, fail or lose their answers, and writes that are torn or refused.

mod damage;

pub(crate) use damage::Damage;

use crate::seam::Seam;
use async_trait::async_trait;
use cell_store::fault::{Call, CrashDisk, Gate, Layer};
use cell_store::{Acquired, Append, AppendOutcome, Checkpoint, ShardId, StoreError, Stores};
use damage::Met;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// How often an append for several shards is written in two parts: nothing says that shards share a transaction.
const TORN: f64 = 0.2;

/// A store whose every call is a step of the world. Clones share it.
#[derive(Clone)]
pub(crate) struct WeatheredStore {
    disk: CrashDisk,
    inner: Stores,
    seam: Seam,
    damage: Damage,
    /// Last row of each shard that this cell was told to be in its log.
    logged: Arc<Mutex<BTreeMap<ShardId, u64>>>,
}

impl WeatheredStore {
    /// The store as a process that starts now has it.
    pub(crate) fn new(disk: CrashDisk, seam: Seam, damage: Damage) -> Self {
        Self { inner: disk.start().stores(), disk, seam, damage, logged: Arc::default() }
    }

    /// Handles on this store, one per seam.
    pub(crate) fn stores(&self) -> Stores {
        Stores::of(self.clone())
    }

    /// A write that waits for its sync: what a kill in between leaves of it is up to the disk.
    async fn synced<T>(
        &self,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let gate = Gate::new();
        self.disk.hold_next_sync(gate.clone());
        let mut inner = pin!(inner);
        tokio::select! {
            biased;
            answer = &mut inner => return answer,
            () = self.seam.world.sync() => gate.release(),
        }
        inner.await
    }

    /// The cell hears that this row is in the log.
    fn is_logged(&self, shard: ShardId, seq: u64) {
        let mut logged = self.logged.lock();
        let last = logged.entry(shard).or_default();
        *last = seq.max(*last);
    }

    /// A slice shows nothing but what is in the log for certain: it would outlive what a kill takes from there.
    fn assert_is_logged(&self, slice: &Checkpoint) {
        let logged = self.logged.lock().get(&slice.shard).copied().unwrap_or_default();
        for row in &slice.entities {
            let (shard, id, seq) = (slice.shard, &row.key.id, row.position.seq);
            assert!(
                seq <= logged,
                "shard {shard} entity {id} shows row {seq}, the log is known up to {logged}"
            );
        }
    }

    /// Appends what one statement appends.
    async fn append_together(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        let append = self.pass(Call::Append, self.inner.shards.append(appends));
        match self.damage.meets(&self.seam.world, appends) {
            None => {
                let outcomes = append.await?;
                for (append, outcome) in appends.iter().zip(&outcomes) {
                    if let (AppendOutcome::Accepted, Some(last)) = (outcome, append.rows.last()) {
                        self.is_logged(append.shard, last.seq);
                    }
                }
                Ok(outcomes)
            }
            Some(Met::Before) => Err(StoreError::Corrupt("nothing was written".to_owned())),
            Some(Met::After) => {
                append.await?;
                Err(StoreError::Corrupt("something was written".to_owned()))
            }
        }
    }
}

#[async_trait]
impl Layer for WeatheredStore {
    fn inner(&self) -> &Stores {
        &self.inner
    }

    /// Every call meets the weather, a write with its sync.
    async fn pass<T: Send>(
        &self,
        call: Call,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if call.writes() {
            self.seam.pass(call.name(), self.synced(inner)).await
        } else {
            self.seam.pass(call.name(), inner).await
        }
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        let found = self.pass(Call::Acquire, self.inner.shards.acquire(shards)).await?;
        found.iter().for_each(|acquired| self.is_logged(acquired.shard, acquired.last_seq));
        Ok(found)
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        for Append { shard, rows, segments, .. } in appends {
            for row in rows {
                let digest = xxh3_64(&row.data);
                self.seam.world.note(format_args!("shard {shard} row {}: {digest:016x}", row.seq));
            }
            for segment in segments {
                self.seam.world.met("append", "with a side row");
                self.seam.world.note_bytes("side row", &segment.events);
            }
        }
        if appends.len() < 2 || !self.seam.world.chance(TORN) {
            return self.append_together(appends).await;
        }
        self.seam.world.met("append", "torn");
        let (first, second) = appends.split_at(appends.len() / 2);
        let mut outcomes = self.append_together(first).await?;
        outcomes.extend(self.append_together(second).await?);
        Ok(outcomes)
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        self.assert_is_logged(slice);
        for row in &slice.entities {
            let digest = xxh3_64(&row.snapshot);
            self.seam.world.note(format_args!("shard {} entity {}: {digest:016x}", slice.shard, row.key.id));
        }
        if slice.entities.iter().any(|row| !row.chunks.is_empty()) {
            self.seam.world.met("checkpoint", "with chunks");
        }
        slice.outbox.iter().for_each(|row| self.seam.world.note_bytes(&row.projection, &row.data));
        self.pass(Call::Checkpoint, self.inner.shards.checkpoint(slice)).await
    }
}
