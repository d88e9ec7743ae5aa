//! What happens once a batch is durable: effects go out, projections are told.

use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::usage::v1::{HourSeal, PositionedEntry};
use cell_engine::{Effect, Time, VisibilityFacts};
use cell_store::{OutboxRow, Position, ShardId};
use std::sync::Arc;

/// Carries out effects. Called outside every lock, in log order within a shard. Must not block; a
/// repeated effect is harmless.
pub trait EffectSink: Send + Sync + 'static {
    /// These effects are wanted, and everything they rest on is durable.
    fn deliver(&self, shard: ShardId, effects: Vec<(EntityKey, Effect)>);
}

/// What projections learn of a durable stretch of a shard's log.
#[derive(Clone, Debug, Default)]
pub struct DurableBatch {
    /// First log row.
    pub from_seq: u64,
    /// One past the last log row.
    pub to_seq: u64,
    /// Shard time of the last record.
    pub at: Time,
    /// Usage in log order.
    pub usage: Vec<PositionedEntry>,
    /// Hours that were sealed.
    pub seals: Vec<HourSeal>,
    /// The newest visibility facts of runs that changed, with the position they are as of.
    pub visibility: Vec<(EntityKey, Position, VisibilityFacts)>,
    /// Runs that were deleted.
    pub deleted: Vec<EntityKey>,
}

/// A follower of the durable log. Never holds up commits or the trim: what its sink has not taken
/// when a checkpoint passes is written to the outbox and handed back after a restart.
pub trait Projection: Send + Sync + 'static {
    /// Name in the outbox.
    fn name(&self) -> &'static str;

    /// Begins a shard that was just acquired: rows that were in the outbox. The durable tail follows
    /// through `durable`, from the checkpoint on; it may repeat what was handed on before.
    fn restore(&self, shard: ShardId, outbox: Vec<OutboxRow>);

    /// A stretch of the log is durable. Called in order within a shard; must not block.
    fn durable(&self, shard: ShardId, batch: &Arc<DurableBatch>);

    /// What the sink has not confirmed of rows up to `through_seq`, as outbox rows.
    fn unconfirmed(&self, shard: ShardId, through_seq: u64) -> Vec<OutboxRow>;

    /// Keys of outbox rows that the sink has confirmed since the last call.
    fn confirmed_outbox(&self, shard: ShardId) -> Vec<bytes::Bytes>;
}
