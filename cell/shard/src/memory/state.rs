//! A shard's plain data, behind its lock. Nothing here waits.

use super::table::{EntityTable, QuarantinedState};
use crate::call::Refusals;
use crate::load::stored::Stored;
use crate::log::LogHead;
use crate::metrics::quarantines;
use crate::quarantine::Unfit;
use crate::quarantine::guard::{EngineCall, guarded};
use crate::quarantine::kept_steps;
use crate::time::{DueIndex, Look, ShardTime};
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Grace, Registry, Time};
use cell_memory::{Budget, Charge, Owner};
use cell_store::{Epoch, Position, ShardId};
use std::sync::Arc;

/// Whether the shard answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Not acquired yet, or replaying.
    TakingOver,
    /// Owned and serving.
    Serving,
    /// Not served: another owner took it, something failed here, its log cannot be used, or this node stopped.
    Lost,
}

/// Position before every record.
pub(crate) const START: Position = Position { seq: 0, index: 0 };

/// Everything a shard knows.
pub(crate) struct ShardState {
    pub(crate) id: ShardId,
    pub(crate) phase: Phase,
    pub(crate) epoch: Epoch,
    /// Counts acquisitions and losses: what began under another value is thrown away.
    pub(crate) life: u64,
    /// Shard time.
    pub(crate) time: ShardTime,
    /// What workers are given since this owner took the shard over, since that took in nothing for long, or since the
    /// process stood still.
    pub(crate) grace: Grace,
    pub(crate) refusals: Refusals,
    pub(crate) table: EntityTable,
    pub(crate) log: LogHead,
    pub(crate) due: DueIndex,
    /// What its batches hold of the memory budget.
    batches: Charge,
}

impl ShardState {
    /// A shard of which nothing is known yet; `seed` is drawn for it.
    pub(crate) fn new(id: ShardId, kinds: Arc<Registry>, seed: u64, memory: Arc<Budget>) -> Self {
        let batches = memory.charge(Owner::Batches, 0);
        let due = DueIndex::new(memory.charge(Owner::Wakes, 0));
        Self::with(id, EntityTable::new(kinds, seed, memory, quarantines(id)), due, batches)
    }

    /// The same shard before it was acquired.
    pub(crate) fn afresh(&self) -> Self {
        Self {
            life: self.life + 1,
            ..Self::with(self.id, self.table.emptied(), self.due.emptied(), self.batches.empty())
        }
    }

    fn with(id: ShardId, table: EntityTable, due: DueIndex, batches: Charge) -> Self {
        Self {
            id,
            phase: Phase::TakingOver,
            epoch: Epoch(0),
            life: 0,
            time: ShardTime::default(),
            grace: Grace::NONE,
            refusals: Refusals::default(),
            table,
            log: LogHead::new(),
            due,
            batches,
        }
    }

    /// Notes how much is applied and not durable: its rows, and what goes out with them.
    pub(crate) fn count_batches(&mut self) {
        self.batches.resize(2 * (self.log.open.bytes() + self.log.in_flight_bytes));
    }

    /// Moves shard time on; it never runs backwards.
    pub(crate) fn advance(&mut self, look: Look) -> Time {
        self.time.advance(look)
    }

    /// Takes in what a load found, a row that cannot be read included, unless the entity came to be known meanwhile.
    pub(crate) fn insert_loaded(&mut self, key: &EntityKey, stored: Stored) {
        let (stored, steps) = match stored {
            Ok(Some(row)) => {
                let (row, steps) = kept_steps::split(row);
                (Ok(Some(row)), steps)
            }
            Ok(None) | Err(_) => (stored, Vec::new()),
        };
        self.due.forget_unloaded(key);
        if self.table.insert_loaded(key, stored, self.time.now()) {
            self.apply_kept(key, steps);
            self.arm(key, |at| at);
        }
    }

    /// Brings the wake index up to date with a resident entity, which is to be woken at what this makes of its moment
    /// (Unix milliseconds).
    pub(crate) fn arm(&mut self, key: &EntityKey, moment: impl FnOnce(i64) -> i64) {
        let grace = self.grace;
        let Some(resident) = self.table.get_mut(key) else { return };
        match guarded(EngineCall::Wake, key, || resident.entity.wake_in(grace)) {
            Ok(wake) => self.arm_at(key, wake.map(|at| moment(at.millis_up()))),
            Err(why) => self.quarantine(key, None, &why),
        }
    }

    /// Puts a resident entity into the wake index at this moment (Unix milliseconds), or takes it out.
    pub(crate) fn arm_at(&mut self, key: &EntityKey, wake: Option<i64>) {
        let Some(resident) = self.table.get_mut(key) else { return };
        let armed = std::mem::replace(&mut resident.core.armed, wake);
        self.due.move_wake(key, armed, wake);
    }

    /// An entity of so many bytes goes that is to be woken at this moment (Unix milliseconds), as the store knows too.
    /// The index forgets what is further ahead than the store has ever been read, or is being read now: a later look
    /// finds it in time. Not what waits for workers: in the store it is overdue.
    pub(crate) fn forget_wake(&mut self, key: &EntityKey, bytes: usize, at: Option<i64>, window_ms: i64) {
        let ahead = self.time.now().millis().saturating_add(window_ms);
        let grace_ends = self.grace.ends(i64::MAX).millis_up();
        self.due.move_wake(key, at, None);
        if let Some(at) = at.filter(|at| *at < ahead || *at <= grace_ends) {
            self.due.wake_unloaded(at, key, bytes);
        }
    }

    /// Puts a resident entity into the index of deletions at this moment (Unix milliseconds), or takes it out.
    pub(crate) fn expire_at(&mut self, key: &EntityKey, at: Option<i64>) {
        let Some(resident) = self.table.get_mut(key) else { return };
        let before = std::mem::replace(&mut resident.core.expires, at);
        self.due.move_expiry(key, before, at);
    }

    /// Keeps an entity's stored bytes and serves it no more until a person has looked.
    /// `since` is the log row that its stored snapshot does not include, if it was clean and there is one.
    pub(crate) fn quarantine(&mut self, key: &EntityKey, since: Option<u64>, why: &Unfit) {
        self.disarm(key);
        let kept = QuarantinedState {
            needs_log_from: since,
            reborn: false,
            unkept: None,
            why: why.to_string(),
            since: self.time.now(),
        };
        self.table.quarantine(key, kept);
    }

    /// Removes an entity that the log deletes in this row.
    pub(crate) fn remove(&mut self, key: &EntityKey, seq: u64) {
        self.disarm(key);
        self.table.delete(key, self.log.applied, seq);
    }

    /// Takes an entity that is about to go out of the indexes of what is due.
    fn disarm(&mut self, key: &EntityKey) {
        self.due.forget_unloaded(key);
        self.arm_at(key, None);
        self.expire_at(key, None);
    }

    /// Whether this owner, in this epoch, still serves the shard.
    pub(crate) fn serves(&self, epoch: Epoch) -> bool {
        self.phase == Phase::Serving && self.epoch == epoch
    }

    /// Gives the shard up: memory goes, everybody who waits is told.
    pub(crate) fn lose(&mut self) {
        // Dropping the senders wakes their receivers with an error.
        *self = Self { phase: Phase::Lost, ..self.afresh() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn state() -> ShardState {
        ShardState::new(ShardId(0), Arc::new(Registry::default()), 1, Budget::new(1 << 20))
    }

    fn run() -> EntityKey {
        EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(1))
    }

    #[test]
    fn only_its_owner_in_this_epoch_serves_a_shard() {
        let mut state = state();
        state.epoch = Epoch(3);
        assert!(!state.serves(Epoch(3)), "not yet");
        state.phase = Phase::Serving;
        assert!(state.serves(Epoch(3)) && !state.serves(Epoch(2)));
        state.lose();
        assert!(!state.serves(state.epoch));
    }

    #[test]
    fn what_goes_is_woken_by_the_index_where_no_later_look_at_the_store_finds_it_in_time() {
        // Before the end of the window, or no later than the grace ends.
        for (grace_ms, at, stays) in
            [(0, 1_499, true), (0, 1_500, false), (2_000, 3_000, true), (2_000, 3_001, false)]
        {
            let mut state = state();
            state.time = ShardTime::logged(Time::from_millis(1_000));
            state.grace = Grace { since: Time::from_millis(1_000), at_most_ns: grace_ms * 1_000_000 };
            state.due.move_wake(&run(), None, Some(at));
            state.forget_wake(&run(), 9, Some(at), 500);
            let left = (state.due.wakes(), state.due.wakes_unloaded(&run()));
            assert_eq!(left, (usize::from(stays), stays), "{at} with a grace of {grace_ms} ms");
        }
    }

    #[test]
    fn what_is_deleted_is_due_for_nothing_any_more() {
        let mut state = state();
        let due = |state: &ShardState| (state.due.first_wake(), state.due.expired(8).count());
        state.table.get_or_create(&run()).expect("of a known kind");
        state.arm_at(&run(), Some(5));
        state.expire_at(&run(), Some(7));
        assert_eq!(due(&state), (Some(5), 1));
        state.expire_at(&run(), Some(8));
        assert_eq!(due(&state), (Some(5), 0), "later");
        state.expire_at(&run(), Some(7));
        state.remove(&run(), 1);
        assert_eq!(due(&state), (None, 0));
    }
}
