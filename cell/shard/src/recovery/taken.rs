//! Whether another owner has taken a shard that this node gave up for a failure of its own.
//!
//! A node that failed may not have heard yet that its shard was taken: it would take that back from an owner that
//! serves. What says so is the log, whose ownership records are never trimmed. Looking there raises no epoch and fences
//! nobody.

use super::loss::Loss;
use crate::runtime::ShardRuntime;
use cell_store::{ShardId, StoreError};
use std::sync::atomic::Ordering;

/// Of the log that is read at a time. What this node may have written without hearing of it comes first.
const LOOK_BYTES: usize = 1 << 20;

impl ShardRuntime {
    /// Those of the shards that nobody else has taken. The others are given up for good; one that cannot be looked at
    /// is wanted still.
    pub(crate) async fn not_taken(&self, ids: &[ShardId]) -> Vec<ShardId> {
        let mut ours = Vec::with_capacity(ids.len());
        for id in ids {
            match self.is_taken(*id).await {
                Ok(false) => ours.push(*id),
                Ok(true) => {
                    tracing::warn!(shard = id.0, "another owner has taken the shard: it is not taken back");
                    self.shards[id.0 as usize].trouble.lock().note(&Loss::Superseded);
                }
                Err(error) => self.refuse(*id, &error.into()),
            }
        }
        ours
    }

    /// Whether an ownership record stands behind what this node knows that was written with an epoch it was never
    /// given.
    async fn is_taken(&self, id: ShardId) -> Result<bool, StoreError> {
        let shard = &self.shards[id.0 as usize];
        let given = shard.given_epoch.load(Ordering::Relaxed);
        if given == 0 {
            // What never was this process's cannot have been taken from it: the records are of earlier lives.
            return Ok(false);
        }
        // The last row that it knows is its own, or of before.
        let mut from = shard.known_seq.load(Ordering::Relaxed);
        loop {
            let rows = self.store.log(id, from, u64::MAX, LOOK_BYTES).await?;
            let Some(last) = rows.last() else { return Ok(false) };
            if rows.iter().any(|row| row.ownership && row.epoch.0 > given) {
                return Ok(true);
            }
            from = last.seq + 1;
        }
    }
}
