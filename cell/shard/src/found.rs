//! A shard as it stands in a store: its checkpoint's own state and its tail, decoded.

use crate::log_row::decode;
use atoll_internal_api::log::v1::{LogBatch, ShardCheckpoint};
use cell_engine::{Time, Transition};
use cell_store::{Acquired, StoreError};
use prost::Message;

/// A shard as it was found, decoded.
pub(crate) struct Found {
    pub(crate) acquired: Acquired,
    pub(crate) checkpoint: ShardCheckpoint,
    /// Rows behind the checkpoint with their positions.
    pub(crate) tail: Vec<(u64, LogBatch)>,
}

impl Found {
    /// Decodes a shard. `Corrupt` names the shard and the row where something is damaged or missing.
    pub(crate) fn read(acquired: Acquired) -> Result<Self, StoreError> {
        let checkpoint = ShardCheckpoint::decode(acquired.checkpoint_state.clone())
            .map_err(|e| StoreError::Corrupt(format!("checkpoint state of shard {}: {e}", acquired.shard)))?;
        let tail = decode_tail(&acquired)?;
        Ok(Self { acquired, checkpoint, tail })
    }

    /// Shard time as the log has it.
    pub(crate) fn time(&self) -> Time {
        let records = self.tail.iter().flat_map(|(_, batch)| &batch.records);
        Time(records.map(|record| record.at_ns).fold(self.checkpoint.time_ns, i64::max))
    }
}

/// Refuses what replay would refuse of a shard's checkpoint state and tail, changing nothing: a row that is damaged,
/// missing, of a newer format, or of a kind that this code does not know. `Corrupt` names shard and row.
///
/// Snapshots and side rows are not looked at: they are read, and refused, when they are needed.
pub fn verify(stored: Acquired) -> Result<(), StoreError> {
    let found = Found::read(stored)?;
    for (seq, batch) in &found.tail {
        let transitions = batch.records.iter().flat_map(|record| &record.transitions);
        for transition in transitions {
            Transition::from_proto(transition).map_err(|error| {
                StoreError::Corrupt(format!("shard {} row {seq}: {error}", found.acquired.shard))
            })?;
        }
    }
    Ok(())
}

fn decode_tail(acquired: &Acquired) -> Result<Vec<(u64, LogBatch)>, StoreError> {
    let expected = acquired.checkpoint_seq + 1..=acquired.last_seq;
    if !acquired.tail.iter().map(|row| row.seq).eq(expected) {
        return Err(StoreError::Corrupt(format!("the log of shard {} has a gap", acquired.shard)));
    }
    acquired
        .tail
        .iter()
        .map(|row| {
            decode(row.data.clone())
                .map(|batch| (row.seq, batch))
                .map_err(|e| StoreError::Corrupt(format!("shard {} row {}: {e}", acquired.shard, row.seq)))
        })
        .collect()
}
