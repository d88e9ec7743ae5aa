//! What happens once a batch is durable: effects go out, projections are told.

use super::spool::SpoolSide;
use crate::log::row::{RowError, decode};
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::Record;
use atoll_internal_api::usage::v1::{HourSeal, PositionedEntry};
use cell_engine::{Effect, Registry, Time, VisibilityFacts};
use cell_store::{Epoch, HistorySegment, LogRow, Position, ShardId};
use std::sync::Arc;

/// Carries out effects. Called outside every lock, in log order within a shard. Must not block; a
/// repeated effect is harmless.
pub trait EffectSink: Send + Sync + 'static {
    /// The shard is served, for the first time or again: of what was done for it before, all that was not durable is
    /// undone. `effects` are what its entities in memory wanted when they were replayed. Since then somebody may have
    /// asked an entity for one and carried that out. The tasks of other entities stand in the table of waiting tasks.
    fn begin(&self, shard: ShardId, effects: Vec<(EntityKey, Effect)>) {
        if !effects.is_empty() {
            self.deliver(shard, effects);
        }
    }

    /// These effects are wanted, and everything they rest on is durable.
    fn deliver(&self, shard: ShardId, effects: Vec<(EntityKey, Effect)>);
}

/// What projections learn of a durable stretch of a shard's log.
#[derive(Clone, Debug, Default)]
pub struct DurableBatch {
    /// Term of the owner that tells of it.
    pub epoch: Epoch,
    /// First log row.
    pub from_seq: u64,
    /// One past the last log row.
    pub to_seq: u64,
    /// Shard time of the last record.
    pub at: Time,
    /// The rows themselves, from `from_seq` to `to_seq`, as they are stored. Their bytes are shared with the append:
    /// keeping a batch keeps them.
    pub rows: Vec<LogRow>,
    /// Side rows that the rows refer to. Of the tail that an owner finds when it takes the shard over, only those that
    /// its replay read: others are in snapshots by then, and their history can be read.
    pub segments: Vec<HistorySegment>,
    /// Usage in log order.
    pub usage: Vec<PositionedEntry>,
    /// Hours that were sealed.
    pub seals: Vec<HourSeal>,
    /// The newest visibility facts of runs that changed, with the position they are as of.
    pub visibility: Vec<(EntityKey, Position, Arc<VisibilityFacts>)>,
    /// Entities that were deleted, with the position of their deletion. One without runs may come again in the same
    /// batch.
    pub deleted: Vec<(EntityKey, Position)>,
}

impl DurableBatch {
    /// The records of the rows with their positions, in log order. The events of a transition that stand beside the log
    /// are in `segments`. Rows that this owner wrote or replayed decode; the error is a fault of this code.
    pub fn records(&self, kinds: &Registry) -> impl Iterator<Item = Result<(Position, Record), RowError>> {
        self.rows.iter().flat_map(|row| {
            let (records, failed) = match decode(row.data.clone(), kinds) {
                Ok(batch) => (batch.records, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            let positioned =
                (0..).zip(records).map(|(index, record)| Ok((Position { seq: row.seq, index }, record)));
            positioned.chain(failed)
        })
    }
}

/// A follower of the durable log. Never holds up commits or the trim.
///
/// What it makes of the log goes to a sink that may be away. What the sink has not confirmed is kept in a
/// [`Spool`](crate::Spool), of which checkpoints write to the outbox what the log is about to forget. A projection
/// without one (a counter, say) begins each time with the log's tail.
pub trait Projection: Send + Sync + 'static {
    /// Name in the outbox, unique among the projections of a cell, never changed: rows are found by it.
    fn name(&self) -> &'static str;

    /// Where it keeps what its sink has not confirmed.
    fn spool(&self) -> Option<&dyn SpoolSide> {
        None
    }

    /// Begins a shard that was just acquired. The durable tail follows through `durable`, from the checkpoint on; it
    /// repeats what was handed on before. The spool has begun.
    fn begin(&self, _shard: ShardId) {}

    /// A stretch of the log is durable. Called in order within a shard; must not block.
    fn durable(&self, shard: ShardId, batch: &Arc<DurableBatch>);

    /// Somebody else owns the shard, or this node has given it up: what is remembered of it is void. The spool has
    /// forgotten it.
    fn lost(&self, _shard: ShardId) {}
}
