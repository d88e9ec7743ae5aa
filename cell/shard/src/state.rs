//! A shard's plain data, behind its lock. Nothing here waits.

use crate::batch::OpenBatch;
use crate::error::ShardError;
use crate::guard::{EngineCall, guarded};
use crate::resident::{Entity, Resident, Slot, Workflow, WorkflowKey};
use crate::tail::Tail;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::{CurrentRun, Run, Time, View};
use cell_store::{EntityRow, Epoch, Position, ShardId};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Whether the shard answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Not acquired yet, or replaying.
    Recovering,
    /// Owned and serving.
    Serving,
    /// Somebody else owns it now, or this node stopped.
    Lost,
}

/// Everything a shard knows.
pub(crate) struct ShardState {
    pub(crate) id: ShardId,
    pub(crate) phase: Phase,
    pub(crate) epoch: Epoch,
    /// Counts acquisitions and evictions: a load that began under another value is thrown away.
    pub(crate) generation: u64,
    pub(crate) workflows: HashMap<WorkflowKey, Workflow>,
    /// Whether the store holds nothing that is not in memory: a miss then needs no read.
    pub(crate) resident_complete: bool,
    /// Deleted entities whose rows a checkpoint has yet to remove.
    pub(crate) deleted: HashMap<EntityKey, Deleted>,
    /// Entities that changed since their last stored snapshot.
    pub(crate) dirty: BTreeSet<EntityKey>,
    /// Shard time: the largest moment used so far.
    pub(crate) time: Time,
    /// When this owner took over.
    pub(crate) acquired_at: Time,
    /// Whether the log was in use before this owner.
    pub(crate) taken_over: bool,
    pub(crate) open: OpenBatch,
    /// Ordinal of the last applied record; counts from the acquisition.
    pub(crate) applied: u64,
    /// Ordinal of the last durable record.
    pub(crate) durable: u64,
    /// Last durable log row.
    pub(crate) durable_seq: u64,
    /// Answers that wait for an ordinal, in order.
    waiters: VecDeque<(u64, oneshot::Sender<()>)>,
    /// At this many, those whose callers went away are left out.
    waiters_looked_over_at: usize,
    /// (Unix milliseconds, run) of every resident run that wants to be woken, and of due stored ones.
    pub(crate) wakes: BTreeSet<(i64, EntityKey)>,
    /// Closed resident runs by deletion time, Unix milliseconds.
    pub(crate) expiries: BTreeSet<(i64, EntityKey)>,
    /// Durable rows since the last checkpoint.
    pub(crate) tail: Tail,
    /// Rows up to this one need no replay.
    pub(crate) checkpoint_seq: u64,
    /// Start of the last sealed hour, Unix milliseconds.
    pub(crate) sealed_hour_ms: Option<i64>,
    /// The same, as far as it is durable: what a checkpoint may say.
    pub(crate) durable_sealed_hour_ms: Option<i64>,
    /// Bytes on their way to the store.
    pub(crate) in_flight_bytes: usize,
    /// Rises with every command: the clock of eviction.
    pub(crate) tick: u64,
    /// Where the last record of the open batch stands.
    pub(crate) last_position: Position,
    /// Row and next index of usage entries.
    pub(crate) entry_index: (u64, u32),
    /// Entities that the engine failed on, with the first log row that their stored snapshot does not
    /// include: the trim stops there, so that nothing of them is lost.
    pub(crate) quarantined: HashMap<EntityKey, u64>,
    /// How many entities came to be kept aside.
    pub(crate) quarantines: metrics::Counter,
    /// Entities that somebody asked for in vain, oldest first: they are forgotten above a limit.
    asked_in_vain: VecDeque<EntityKey>,
}

/// An entity that was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deleted {
    /// Ordinal of the deletion.
    pub(crate) ordinal: u64,
    /// First log row that its stored snapshot does not include: needed until the deletion is durable.
    pub(crate) first_dirty: Option<u64>,
}

/// What a command addresses.
#[derive(Clone, Debug)]
pub struct Target {
    /// Namespace.
    pub namespace_id: Uuid,
    /// Workflow id.
    pub workflow_id: Arc<str>,
    /// One run, or the current one.
    pub run_id: Option<Uuid>,
}

impl Target {
    /// The current run of a workflow id.
    pub fn current(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>) -> Self {
        Self { namespace_id, workflow_id: workflow_id.into(), run_id: None }
    }

    /// One run.
    pub fn run(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>, run_id: Uuid) -> Self {
        Self { namespace_id, workflow_id: workflow_id.into(), run_id: Some(run_id) }
    }

    pub(crate) fn workflow(&self) -> WorkflowKey {
        WorkflowKey { namespace_id: self.namespace_id, id: Arc::clone(&self.workflow_id) }
    }
}

/// The addressed entities are in memory, or one has to be loaded first.
pub(crate) enum Resolved {
    /// The current-run record and the run, by run id where it exists.
    Ready(Option<Uuid>),
    Missing(EntityKey),
    Quarantined,
}

impl ShardState {
    pub(crate) fn new(id: ShardId) -> Self {
        Self {
            id,
            phase: Phase::Recovering,
            epoch: Epoch(0),
            generation: 0,
            workflows: HashMap::new(),
            resident_complete: false,
            deleted: HashMap::new(),
            dirty: BTreeSet::new(),
            time: Time(0),
            acquired_at: Time(0),
            taken_over: false,
            open: OpenBatch::new(1),
            applied: 0,
            durable: 0,
            durable_seq: 0,
            waiters: VecDeque::new(),
            waiters_looked_over_at: WAITERS_LOOKED_OVER,
            wakes: BTreeSet::new(),
            expiries: BTreeSet::new(),
            tail: Tail::default(),
            checkpoint_seq: 0,
            sealed_hour_ms: None,
            durable_sealed_hour_ms: None,
            in_flight_bytes: 0,
            tick: 0,
            last_position: START,
            entry_index: (0, 0),
            quarantined: HashMap::new(),
            quarantines: crate::metrics::quarantines(id),
            asked_in_vain: VecDeque::new(),
        }
    }

    /// Moves shard time on; it never runs backwards.
    pub(crate) fn advance(&mut self, wall: Time) -> Time {
        self.time = self.time.max(wall);
        self.time
    }

    /// Finds what a target addresses.
    pub(crate) fn resolve(&self, target: &Target) -> Resolved {
        let key = target.workflow();
        let Some(workflow) = self.workflows.get(&key) else {
            return self.missing(EntityKey::current_run(target.namespace_id, Arc::clone(&key.id)));
        };
        let current = match &workflow.current {
            None => return self.missing(EntityKey::current_run(target.namespace_id, Arc::clone(&key.id))),
            Some(Slot::Quarantined) => return Resolved::Quarantined,
            Some(Slot::Absent) => None,
            Some(Slot::Resident(resident)) => Some(resident.entity.run_id()),
        };
        let Some(run_id) = target.run_id.or(current) else { return Resolved::Ready(None) };
        match workflow.run(run_id) {
            Some(Slot::Resident(_)) => Resolved::Ready(Some(run_id)),
            Some(Slot::Absent) => Resolved::Ready(None),
            Some(Slot::Quarantined) => Resolved::Quarantined,
            None => self.missing(EntityKey::run(target.namespace_id, Arc::clone(&key.id), run_id)),
        }
    }

    fn missing(&self, key: EntityKey) -> Resolved {
        if self.resident_complete || self.deleted.contains_key(&key) {
            Resolved::Ready(None)
        } else {
            Resolved::Missing(key)
        }
    }

    /// What a command sees of a resolved target.
    pub(crate) fn view<'a>(&'a self, target: &'a Target, run_id: Option<Uuid>) -> View<'a> {
        let workflow = self.workflows.get(&target.workflow());
        View {
            namespace_id: target.namespace_id,
            workflow_id: &target.workflow_id,
            current: workflow
                .and_then(|w| w.current.as_ref())
                .and_then(Slot::resident)
                .map(|resident| &resident.entity),
            run: workflow
                .and_then(|w| run_id.and_then(|id| w.run(id)))
                .and_then(Slot::resident)
                .map(|resident| &resident.entity),
        }
    }

    /// The last record that changed anything a target addresses.
    pub(crate) fn target_ordinal(&mut self, target: &Target, run_id: Option<Uuid>) -> u64 {
        self.tick += 1;
        let tick = self.tick;
        let mut ordinal = self.deleted_at(target);
        let Some(workflow) = self.workflows.get_mut(&target.workflow()) else { return ordinal };
        if let Some(current) = workflow.current.as_mut().and_then(Slot::resident_mut) {
            ordinal = ordinal.max(current.ordinal);
        }
        if let Some(run) = run_id.and_then(|id| workflow.run_mut(id)).and_then(Slot::resident_mut) {
            run.used = tick;
            ordinal = ordinal.max(run.ordinal);
        }
        ordinal
    }

    /// The last record that deleted anything a target addresses: that it is gone may yet be lost.
    fn deleted_at(&self, target: &Target) -> u64 {
        if self.deleted.is_empty() {
            return 0;
        }
        let id = || Arc::clone(&target.workflow_id);
        let run = target.run_id.map(|run_id| EntityKey::run(target.namespace_id, id(), run_id));
        let keys = [EntityKey::current_run(target.namespace_id, id())].into_iter().chain(run);
        keys.filter_map(|key| Some(self.deleted.get(&key)?.ordinal)).max().unwrap_or(0)
    }

    /// Takes in what a load found, unless the entity came to be known meanwhile.
    pub(crate) fn insert_loaded(
        &mut self,
        key: &EntityKey,
        row: Option<EntityRow>,
    ) -> Result<(), ShardError> {
        let row = if self.deleted.contains_key(key) { None } else { row };
        let absent = row.is_none();
        let workflow = self.workflows.entry(WorkflowKey::of(key)).or_default();
        match key.kind {
            EntityKind::CurrentRun if workflow.current.is_none() => {
                workflow.current = Some(restore::<CurrentRun>(key, row, &self.quarantines));
            }
            EntityKind::WorkflowRun if workflow.run(key.run_id).is_none() => {
                workflow.runs.push((key.run_id, restore::<Run>(key, row, &self.quarantines)));
                self.arm(key);
            }
            EntityKind::CurrentRun | EntityKind::WorkflowRun => return Ok(()),
        }
        if absent {
            self.asked_in_vain.push_back(key.clone());
            if self.asked_in_vain.len() > ABSENT_LIMIT
                && let Some(oldest) = self.asked_in_vain.pop_front()
            {
                self.forget(&oldest);
            }
        }
        Ok(())
    }

    /// Drops what is known of an entity when that is only that it does not exist.
    fn forget(&mut self, key: &EntityKey) {
        let Some(workflow) = self.workflows.get_mut(&WorkflowKey::of(key)) else { return };
        match key.kind {
            EntityKind::CurrentRun => {
                workflow.current.take_if(|slot| slot.is_absent());
            }
            EntityKind::WorkflowRun => {
                workflow.runs.retain(|(run_id, slot)| *run_id != key.run_id || !slot.is_absent());
            }
        }
        if workflow.runs.is_empty() && workflow.current.is_none() {
            self.workflows.remove(&WorkflowKey::of(key));
        }
    }

    /// Drops what is known of a workflow id as far as that is only what does not exist.
    pub(crate) fn forget_absent(&mut self, key: &WorkflowKey) {
        let Some(workflow) = self.workflows.get_mut(key) else { return };
        workflow.runs.retain(|(_, slot)| !slot.is_absent());
        if workflow.runs.is_empty() && workflow.current.as_ref().is_none_or(Slot::is_absent) {
            self.workflows.remove(key);
        }
    }

    /// Brings the wake index up to date with a resident run.
    pub(crate) fn arm(&mut self, key: &EntityKey) {
        self.arm_from(key, i64::MIN);
    }

    /// As `arm`, but not before this moment (Unix milliseconds).
    pub(crate) fn arm_from(&mut self, key: &EntityKey, earliest: i64) {
        let run = self.workflows.get(&WorkflowKey::of(key)).and_then(|w| w.run(key.run_id));
        let Some(run) = run.and_then(Slot::resident) else { return };
        match guarded(EngineCall::Wake, key, || run.entity.wake()) {
            Ok(wake) => self.arm_at(key, wake.map(|at| at.millis_up().max(earliest))),
            Err(_) => self.quarantine(key, None),
        }
    }

    /// Puts a resident run into the wake index at this moment (Unix milliseconds), or takes it out.
    pub(crate) fn arm_at(&mut self, key: &EntityKey, wake: Option<i64>) {
        let run = self.workflows.get_mut(&WorkflowKey::of(key)).and_then(|w| w.run_mut(key.run_id));
        let Some(run) = run.and_then(Slot::resident_mut) else { return };
        if run.armed != wake {
            if let Some(old) = run.armed {
                self.wakes.remove(&(old, key.clone()));
            }
            if let Some(at) = wake {
                self.wakes.insert((at, key.clone()));
            }
            run.armed = wake;
        }
    }

    /// A receiver that is told when `ordinal` is durable; `None` when it is already.
    pub(crate) fn wait_for(&mut self, ordinal: u64) -> Option<oneshot::Receiver<()>> {
        if ordinal <= self.durable {
            return None;
        }
        if self.waiters.len() >= self.waiters_looked_over_at {
            // While the store is away callers give up, and others come.
            self.waiters.retain(|(_, sender)| !sender.is_closed());
            self.waiters_looked_over_at = WAITERS_LOOKED_OVER.max(2 * self.waiters.len());
        }
        let (sender, receiver) = oneshot::channel();
        // Answers mostly wait for the newest record; a read may wait for an older one.
        let at = self.waiters.partition_point(|(waits_for, _)| *waits_for <= ordinal);
        self.waiters.insert(at, (ordinal, sender));
        Some(receiver)
    }

    /// Whether this owner, in this term, still serves the shard.
    pub(crate) fn serves(&self, epoch: Epoch) -> bool {
        self.phase == Phase::Serving && self.epoch == epoch
    }

    /// Records up to `ordinal`, rows up to `seq` are durable: takes out the answers that may leave.
    pub(crate) fn durable_to(&mut self, ordinal: u64, seq: u64) -> Vec<oneshot::Sender<()>> {
        self.durable = ordinal;
        self.durable_seq = seq;
        let ready = self.waiters.partition_point(|(waits_for, _)| *waits_for <= ordinal);
        self.waiters.drain(..ready).map(|(_, sender)| sender).collect()
    }

    /// Gives the shard up: memory goes, everybody who waits is told.
    pub(crate) fn lose(&mut self) {
        let (id, generation) = (self.id, self.generation + 1);
        // Dropping the senders wakes their receivers with an error.
        *self = Self::new(id);
        self.phase = Phase::Lost;
        self.generation = generation;
    }
}

fn restore<T: Entity>(key: &EntityKey, row: Option<EntityRow>, quarantines: &metrics::Counter) -> Slot<T> {
    let Some(row) = row else { return Slot::Absent };
    let restored = guarded(EngineCall::Restore, key, || {
        let position = row.position;
        T::restore(key.clone(), row).map(|entity| Resident::stored(entity, position))
    });
    match restored {
        Ok(Ok(resident)) => return Slot::Resident(Box::new(resident)),
        // Told where it was caught.
        Err(_) => {}
        Ok(Err(error)) => {
            tracing::error!(?key, %error, "stored snapshot cannot be used: entity quarantined");
        }
    }
    quarantines.increment(1);
    Slot::Quarantined
}

/// Entities of which a shard remembers that they do not exist: enough that callers who ask at the same
/// time share a read.
const ABSENT_LIMIT: usize = 4_096;

/// Answers that wait before it is looked whether anybody still waits for them.
const WAITERS_LOOKED_OVER: usize = 4_096;

/// Position before every record.
pub(crate) const START: Position = Position { seq: 0, index: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_nobody_waits_for_any_more_do_not_pile_up() {
        let mut state = ShardState::new(ShardId(0));
        let kept = state.wait_for(7).expect("nothing is durable");
        for n in 0..100_000 {
            drop(state.wait_for(1 + n % 9));
        }
        assert!(state.waiters.len() < 10_000, "{}", state.waiters.len());
        assert_eq!(state.durable_to(7, 1).into_iter().filter(|answer| !answer.is_closed()).count(), 1);
        drop(kept);
    }
}
