//! Preconditions that every engine checks the same way.

use crate::error::StoreError;
use crate::types::{Acquired, Append, ShardId};
use std::collections::BTreeSet;

/// Largest shard number an engine must be able to hold; far above any useful count.
pub const MAX_SHARD: u32 = (1 << 18) - 1;

/// Largest `seq` an engine must be able to hold: 500 years at a thousand rows a second.
pub const MAX_SEQ: u64 = (1 << 44) - 1;

impl Append {
    /// Refuses an append whose rows are not consecutive or not of one epoch and batch, and segments that belong to
    /// no row or stand twice.
    ///
    /// Such an append comes from a defect in the writer; storing it would damage the log, so it is
    /// answered with `Corrupt` and nothing of the call is written.
    pub fn check(&self) -> Result<(), StoreError> {
        self.check_segments()?;
        let Some(first) = self.rows.first() else { return Ok(()) };
        if first.seq == 0 || self.rows.len() as u64 > MAX_SEQ - first.seq.min(MAX_SEQ) {
            return Err(StoreError::Corrupt(format!(
                "shard {}: {} is no log position",
                self.shard, first.seq
            )));
        }
        for (row, seq) in self.rows.iter().zip(first.seq..) {
            if row.seq != seq {
                return Err(StoreError::Corrupt(format!(
                    "shard {}: an append holds row {} where {seq} belongs",
                    self.shard, row.seq
                )));
            }
            if row.epoch != first.epoch || row.batch_id != first.batch_id {
                return Err(StoreError::Corrupt(format!(
                    "shard {}: rows {} and {} of one append differ in epoch or batch",
                    self.shard, first.seq, row.seq
                )));
            }
        }
        Ok(())
    }

    fn check_segments(&self) -> Result<(), StoreError> {
        let refuse = |why: &str| Err(StoreError::Corrupt(format!("shard {}: {why}", self.shard)));
        if self.rows.is_empty() && !self.segments.is_empty() {
            return refuse("an append holds history and no row that refers to it");
        }
        let mut seen = BTreeSet::new();
        for segment in &self.segments {
            if segment.first_event_id < 1 || segment.last_event_id < segment.first_event_id {
                return refuse("a segment of an append holds no event");
            }
            if !seen.insert((&segment.branch, segment.first_event_id)) {
                return refuse("two segments of one append begin at the same event");
            }
        }
        Ok(())
    }
}

impl Acquired {
    /// Refuses a tail with a missing row: replaying it would lose what the row held.
    pub fn check(&self) -> Result<(), StoreError> {
        for (row, seq) in self.tail.iter().zip(self.checkpoint_seq + 1..) {
            if row.seq != seq {
                return Err(StoreError::Corrupt(format!("shard {}: log row {seq} is missing", self.shard)));
            }
        }
        Ok(())
    }
}

/// The answer to a call that names a shard which the store does not have.
pub fn no_such_shard(shard: ShardId) -> StoreError {
    StoreError::Corrupt(format!("there is no shard {shard} in this store"))
}

/// The answer to a call that holds two appends for one shard.
pub fn repeated_shard(shard: ShardId) -> StoreError {
    StoreError::Corrupt(format!("one call holds two appends for shard {shard}"))
}
