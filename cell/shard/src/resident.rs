//! Entities in memory.

use crate::history_tail::HistoryTail;
use crate::state::START;
use crate::waiting::is_stored;
use crate::waiting_rows::WaitingRows;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{
    CurrentRun, Effect, EffectDelta, EffectKey, Receipt, RestoreError, Run, RunCheckpoint, Time, Transition,
};
use cell_store::{EntityRow, Position};
use std::sync::Arc;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Names a workflow id within its shard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct WorkflowKey {
    pub(crate) namespace_id: Uuid,
    pub(crate) id: Arc<str>,
}

impl WorkflowKey {
    pub(crate) fn of(key: &EntityKey) -> Self {
        Self { namespace_id: key.namespace_id, id: Arc::clone(&key.id) }
    }
}

/// Everything in memory of one workflow id.
#[derive(Default)]
pub(crate) struct Workflow {
    /// The current-run record; `None` while nobody has looked in the store.
    pub(crate) current: Option<Slot<CurrentRun>>,
    /// Runs that somebody asked for, newest last. Few: usually one.
    pub(crate) runs: Vec<(Uuid, Slot<Run>)>,
}

impl Workflow {
    pub(crate) fn run(&self, run_id: Uuid) -> Option<&Slot<Run>> {
        self.runs.iter().rev().find(|(id, _)| *id == run_id).map(|(_, slot)| slot)
    }

    pub(crate) fn run_mut(&mut self, run_id: Uuid) -> Option<&mut Slot<Run>> {
        self.runs.iter_mut().rev().find(|(id, _)| *id == run_id).map(|(_, slot)| slot)
    }
}

/// What is known of an entity.
pub(crate) enum Slot<T> {
    /// It does not exist.
    Absent,
    /// Here it is.
    Resident(Box<Resident<T>>),
    /// The engine failed on it; its stored bytes are left as they are.
    Quarantined,
}

impl<T> Slot<T> {
    /// Whether it is known not to exist.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) fn resident(&self) -> Option<&Resident<T>> {
        match self {
            Self::Resident(resident) => Some(resident),
            Self::Absent | Self::Quarantined => None,
        }
    }

    pub(crate) fn resident_mut(&mut self) -> Option<&mut Resident<T>> {
        match self {
            Self::Resident(resident) => Some(resident),
            Self::Absent | Self::Quarantined => None,
        }
    }
}

/// An entity with what the shard remembers about it.
pub(crate) struct Resident<T> {
    pub(crate) entity: T,
    /// Ordinal of the last record that changed it: answers about it wait for that one.
    pub(crate) ordinal: u64,
    /// Position of that record.
    pub(crate) position: Position,
    /// First log row that the stored snapshot does not include.
    pub(crate) first_dirty: Option<u64>,
    /// When the wake index fires for it, Unix milliseconds.
    pub(crate) armed: Option<i64>,
    /// Where it stands in the index of deletions, Unix milliseconds.
    pub(crate) expires: Option<i64>,
    /// Newest events.
    pub(crate) history: HistoryTail,
    /// Rows of its waiting tasks.
    pub(crate) waiting: WaitingRows,
    /// Long polls to be told of the next change, once it is durable.
    pub(crate) watchers: Vec<oneshot::Sender<()>>,
    /// Shard tick of the last use, for eviction.
    pub(crate) used: u64,
}

impl<T: Entity> Resident<T> {
    /// One of which nothing is stored yet.
    pub(crate) fn new(entity: T) -> Self {
        Self::at(START, entity, HistoryTail::after(0), WaitingRows::default())
    }

    /// One that was loaded, with the last position that its snapshot includes.
    pub(crate) fn stored(entity: T, position: Position) -> Self {
        let history = HistoryTail::after(entity.last_event_id());
        let waiting = WaitingRows::stored(&entity.effects());
        Self::at(position, entity, history, waiting)
    }

    fn at(position: Position, entity: T, history: HistoryTail, waiting: WaitingRows) -> Self {
        Self {
            entity,
            ordinal: 0,
            position,
            first_dirty: None,
            armed: None,
            expires: None,
            history,
            waiting,
            watchers: Vec::new(),
            used: 0,
        }
    }
}

/// What the shard needs of every kind of entity.
pub(crate) trait Entity: Sized {
    fn create(key: EntityKey) -> Self;
    fn restore(key: EntityKey, row: EntityRow) -> Result<Self, RestoreError>;
    fn apply(&mut self, transition: &Transition) -> EffectDelta;
    /// What is to be written so that the store holds this state.
    fn checkpoint(&mut self) -> RunCheckpoint;
    /// The store holds what this checkpoint was to write.
    fn checkpointed(&mut self, receipt: &Receipt);
    fn wake(&self) -> Option<Time>;
    fn effects(&self) -> Vec<Effect>;
    /// Whether it wants something done that stands nowhere else: the costs do not depend on how many tasks wait.
    fn is_busy(&self) -> bool;
    /// Last event id that a snapshot taken now includes.
    fn last_event_id(&self) -> i64;
    fn closed(&self) -> bool;
    fn delete_at(&self) -> Option<Time>;
    fn billed_bytes(&self) -> u64;

    /// The row that a checkpoint writes and the receipt for it. One with effects that stand nowhere else is stored as
    /// due at once, so that a new owner loads it and derives them again; it expires only when nothing is left to do.
    fn row(&mut self, key: EntityKey, position: Position) -> (EntityRow, Receipt) {
        let busy = self.is_busy();
        let RunCheckpoint { base, chunks, receipt } = self.checkpoint();
        let row = EntityRow {
            key,
            snapshot: base,
            chunks,
            position,
            wake_at_ms: if busy { Some(0) } else { self.wake().map(Time::millis_up) },
            closed: self.closed(),
            // What is closed has no tasks.
            delete_at_ms: if busy { None } else { self.delete_at().map(Time::millis_up) },
            billed_bytes: self.billed_bytes(),
        };
        (row, receipt)
    }
}

impl Entity for CurrentRun {
    fn create(key: EntityKey) -> Self {
        Self::new(key)
    }
    fn restore(key: EntityKey, row: EntityRow) -> Result<Self, RestoreError> {
        Self::restore(key, row.snapshot)
    }
    fn apply(&mut self, transition: &Transition) -> EffectDelta {
        self.apply(transition)
    }
    fn checkpoint(&mut self) -> RunCheckpoint {
        RunCheckpoint::whole(self.snapshot())
    }
    fn checkpointed(&mut self, _: &Receipt) {}
    fn wake(&self) -> Option<Time> {
        None
    }
    fn effects(&self) -> Vec<Effect> {
        Vec::new()
    }
    fn is_busy(&self) -> bool {
        false
    }
    fn last_event_id(&self) -> i64 {
        0
    }
    fn closed(&self) -> bool {
        false
    }
    fn delete_at(&self) -> Option<Time> {
        None
    }
    fn billed_bytes(&self) -> u64 {
        0
    }
}

impl Entity for Run {
    fn create(key: EntityKey) -> Self {
        Self::new(key)
    }
    fn restore(key: EntityKey, row: EntityRow) -> Result<Self, RestoreError> {
        Self::restore(key, row.snapshot, &row.chunks)
    }
    fn apply(&mut self, transition: &Transition) -> EffectDelta {
        self.apply(transition)
    }
    fn checkpoint(&mut self) -> RunCheckpoint {
        self.checkpoint()
    }
    fn checkpointed(&mut self, receipt: &Receipt) {
        self.checkpointed(receipt);
    }
    fn wake(&self) -> Option<Time> {
        self.wake()
    }
    fn effects(&self) -> Vec<Effect> {
        self.effects().collect()
    }
    fn is_busy(&self) -> bool {
        // Activities stand in the table, all of them.
        let task = self.effect(EffectKey::WorkflowTask);
        task.is_some_and(|task| !is_stored(&task)) || self.messages().next().is_some()
    }
    fn last_event_id(&self) -> i64 {
        self.next_event_id() - 1
    }
    fn closed(&self) -> bool {
        self.closed()
    }
    fn delete_at(&self) -> Option<Time> {
        self.delete_at()
    }
    fn billed_bytes(&self) -> u64 {
        self.billed_bytes()
    }
}
