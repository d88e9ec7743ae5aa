//! A shard as it stands in a store: its checkpoint's own state and its tail, decoded.

use crate::deletion::deleted_keys;
use crate::log::row;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{LogBatch, ShardCheckpoint};
use cell_engine::{Registry, Time};
use cell_store::{Acquired, Inspector, Position, StoreError};
use prost::Message;
use std::collections::BTreeMap;

/// A shard as it was found, decoded.
pub(crate) struct Found {
    pub(crate) acquired: Acquired,
    pub(crate) checkpoint: ShardCheckpoint,
    /// Rows behind the checkpoint with their positions.
    pub(crate) tail: Vec<(u64, LogBatch)>,
}

impl Found {
    /// Decodes a shard. `Corrupt` names the shard and the row where something is damaged or missing.
    pub(crate) fn read(acquired: Acquired, kinds: &Registry) -> Result<Self, StoreError> {
        let checkpoint = ShardCheckpoint::decode(acquired.checkpoint_state.clone())
            .map_err(|e| StoreError::Corrupt(format!("checkpoint state of shard {}: {e}", acquired.shard)))?;
        let tail = decode_tail(&acquired, kinds)?;
        Ok(Self { acquired, checkpoint, tail })
    }

    /// Shard time as the log has it.
    pub(crate) fn time(&self) -> Time {
        let records = self.tail.iter().flat_map(|(_, batch)| &batch.records);
        Time(records.map(|record| record.at_ns).fold(self.checkpoint.time_ns, i64::max))
    }
}

/// Refuses what recovery would refuse of a shard's log, before anything is changed: a row that is damaged, missing, of
/// a newer format, or of a kind that this code does not know. `Corrupt` names shard and place.
///
/// Snapshots, side rows and the events of transitions are not looked at: where one is damaged, its entity alone is kept
/// aside when it is needed.
#[derive(Default)]
pub struct LogInspector {
    kinds: Registry,
}

impl Inspector for LogInspector {
    fn shard(&mut self, found: Acquired) -> Result<(), StoreError> {
        Found::read(found, &self.kinds).map(|_| ())
    }
}

/// Where a tail deletes entities, each for the last time: what it says of one before that is passed over. The row that
/// it was about may have gone.
pub(crate) type Deletions = BTreeMap<EntityKey, Position>;

/// The deletions of a tail.
pub(crate) fn deletions_in(tail: &[(u64, LogBatch)]) -> Deletions {
    let mut deletions = Deletions::new();
    for (seq, batch) in tail {
        for (index, record) in (0..).zip(&batch.records) {
            if let Some(ShardFact::EntitiesDeleted(deleted)) = &record.shard_fact {
                deletions.extend(deleted_keys(deleted).map(|key| (key, Position { seq: *seq, index })));
            }
        }
    }
    deletions
}

fn decode_tail(acquired: &Acquired, kinds: &Registry) -> Result<Vec<(u64, LogBatch)>, StoreError> {
    let expected = acquired.checkpoint_seq + 1..=acquired.last_seq;
    if !acquired.tail.iter().map(|row| row.seq).eq(expected) {
        return Err(StoreError::Corrupt(format!("the log of shard {} has a gap", acquired.shard)));
    }
    acquired
        .tail
        .iter()
        .map(|row| {
            row::decode(row.data.clone(), kinds)
                .map(|batch| (row.seq, batch))
                .map_err(|e| StoreError::Corrupt(format!("shard {} row {}: {e}", acquired.shard, row.seq)))
        })
        .collect()
}
