//! Wake-ups: timers, retries and timeouts are all "woken at t".

use crate::call::Told;
use crate::error::ShardError;
use crate::memory::{Phase, Shard, ShardState, Slot};
use crate::runtime::ShardRuntime;
use crate::time::{DueWake, Look};
use cell_engine::{Grace, Known, Notice, Residents, Time, Woken};
use cell_store::DueRow;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest sleep towards a wake-up: bounds the harm of a wall clock that jumps.
const MAX_SLEEP: Duration = Duration::from_secs(30);
/// An entity that was woken and still is due, for it could not be told or nothing came of it, is looked at again after
/// this.
const STILL_DUE_MS: i64 = 250;
/// An entity of a namespace that the cell does not know (any more) is looked at again after this.
const NAMESPACE_GONE_MS: i64 = 60_000;
/// An entity that is too large to be restored now is looked at again after this.
const NO_ROOM_MS: i64 = 1_000;
/// Pause while the shard refuses commands, and while the store's index cannot be read.
const REFUSED: Duration = Duration::from_secs(1);
/// Pause between a few entities and the next while the memory budget is used up.
const NO_ROOM: Duration = Duration::from_millis(50);
/// A loop that comes back from its sleep so late was not alone: the process stood still (it was stopped, its machine
/// was suspended), and no worker reached it.
const STOOD_STILL: Duration = Duration::from_secs(1);
/// Entities that are woken together: what of them is not in memory is read together, and calls get their turn behind
/// them.
const AT_ONCE: usize = 64;

/// What became of a wake-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WokenUp {
    /// The entity did what was due, or is looked at again later.
    Done,
    /// The shard takes no commands at the moment: waking others is of no use.
    Refused,
}

/// What came of a turn of a shard's wake-ups.
struct Woke {
    /// How many entities were woken.
    entities: usize,
    outcome: WokenUp,
    /// Whether the store's index could be read.
    read: Result<(), ShardError>,
}

/// How far the store's wake index has been read.
struct Scan {
    /// Every stored wake-up before this moment (Unix milliseconds) is in memory.
    until: i64,
    /// Whether the last look found more than it could read.
    cut: bool,
    /// Rows that the next look reads.
    limit: usize,
    /// Whether the last look failed, which was told then.
    failing: bool,
    /// Whether a look was put off until what is due and known is woken, for want of room.
    put_off: bool,
}

impl Scan {
    fn new(limit: usize) -> Self {
        Self { until: i64::MIN, cut: false, limit, failing: false, put_off: false }
    }

    fn is_due(&self, now: i64, window: i64) -> bool {
        self.until <= if self.cut { now } else { now.saturating_add(window / 2) }
    }

    /// What a look up to `until` found. Rows of entities that were woken stay as they are until a checkpoint: where
    /// they filled the look, the next one reads past them.
    fn seen(&mut self, until: i64, due: &[DueRow], at_first: usize) {
        self.cut = due.len() >= self.limit;
        self.until = due.last().filter(|_| self.cut).map_or(until, |last| last.at_ms);
        self.limit = if self.cut { self.limit.saturating_mul(2) } else { at_first };
    }

    /// Whether the store has more that is due, and it is to be read before all that is known is woken.
    fn has_more(&self, now: i64) -> bool {
        self.cut && self.until <= now && !self.put_off
    }

    /// When to look again before anything else is due.
    fn next(&self) -> i64 {
        if self.cut { self.until } else { i64::MAX }
    }
}

impl ShardRuntime {
    /// Wakes what is due on one shard until the runtime stops.
    pub(crate) async fn wake_loop(self: Arc<Self>, shard: Arc<Shard>) {
        let mut scan = Scan::new(self.config.due_rows);
        let mut known = shard.state.lock().epoch;
        // When it is back from its sleep at the latest, if nothing stands still.
        let mut latest = None;
        loop {
            let (now, epoch) = {
                let (mut state, look) = (shard.state.lock(), self.wall.look());
                let now = state.advance(look);
                if latest.take().is_some_and(|latest: Look| latest.has_come_by(look)) {
                    tracing::info!(shard = shard.id.0, "the process stood still: workers get a grace");
                    state.grace = self.config.grace_from(now);
                }
                (now.millis(), state.epoch)
            };
            if std::mem::replace(&mut known, epoch) != epoch {
                // What an earlier epoch had read went with its memory.
                scan = Scan::new(self.config.due_rows);
            }
            let Woke { outcome, read, .. } = self.wake_turn(&shard, now, &mut scan).await;
            let failing = read.is_err();
            match read {
                Err(error) if !scan.failing => {
                    tracing::warn!(shard = shard.id.0, %error, "wake index not read; trying again");
                }
                Ok(()) if scan.failing => tracing::info!(shard = shard.id.0, "the wake index is read again"),
                Ok(()) | Err(_) => {}
            }
            scan.failing = failing;
            // What comes earlier meanwhile waits until then, too: there is no use in waking it before.
            let refused = failing || outcome == WokenUp::Refused;
            let (pause, look) = {
                let mut state = shard.state.lock();
                let next = state.due.first_wake().unwrap_or(i64::MAX).min(scan.next());
                // Under the lock: who writes an earlier wake-up sees what this loop sleeps towards.
                shard.sleeps_until.store(next, Ordering::Relaxed);
                let look = self.wall.look();
                state.advance(look);
                (state.time.until(Time::from_millis(next)), look)
            };
            let pause = if refused { REFUSED } else { MAX_SLEEP.min(pause) };
            latest = Some(look.after(pause + STOOD_STILL));
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = shard.wake_changed.notified(), if !refused => {}
            }
        }
    }

    /// Wakes everything that is due now; answers how many entities were woken.
    pub async fn wake_all_due(&self) -> usize {
        let mut woken = 0;
        for shard in &self.shards {
            let now = shard.state.lock().advance(self.wall.look()).millis();
            let mut scan = Scan::new(self.config.due_rows);
            loop {
                // What cannot be read now the shard's own loop reads in its turn.
                let Woke { entities, outcome, read } = self.wake_turn(shard, now, &mut scan).await;
                woken += entities;
                let is_done = entities == 0 && !scan.has_more(now);
                if read.is_err() || is_done || outcome == WokenUp::Refused {
                    break;
                }
            }
        }
        woken
    }

    /// Reads ahead and wakes what is due.
    async fn wake_turn(&self, shard: &Shard, now: i64, scan: &mut Scan) -> Woke {
        let mut read = self.scan_ahead(shard, now, scan).await;
        let (entities, outcome) = self.wake_due(shard, now, read.is_ok() && scan.has_more(now)).await;
        if scan.put_off && outcome != WokenUp::Refused {
            read = self.scan_behind(shard, now, scan).await;
        }
        Woke { entities, outcome, read }
    }

    /// Takes the stored wake-ups of the coming window into memory. What is due and known is woken first where there is
    /// no room for more: the look is put off until then.
    async fn scan_ahead(&self, shard: &Shard, now: i64, scan: &mut Scan) -> Result<(), ShardError> {
        scan.put_off = false;
        if !scan.is_due(now, self.config.wake_window_ms()) {
            return Ok(());
        }
        let is_busy = shard.state.lock().due.first_wake().is_some_and(|at| at <= now);
        if is_busy && !self.memory.has_room() {
            scan.put_off = true;
            return Ok(());
        }
        self.scan(shard, now, scan).await
    }

    /// Takes the look that was put off. Room or not: where something is always due and memory stays full,
    /// what left memory would never be woken else, and wake-ups have a share of memory that is left to them.
    async fn scan_behind(&self, shard: &Shard, now: i64, scan: &mut Scan) -> Result<(), ShardError> {
        scan.put_off = false;
        self.scan(shard, now, scan).await
    }

    async fn scan(&self, shard: &Shard, now: i64, scan: &mut Scan) -> Result<(), ShardError> {
        let until = now.saturating_add(self.config.wake_window_ms());
        let life = {
            let state = shard.state.lock();
            if state.table.complete {
                return Ok(());
            }
            state.life
        };
        let due = self.store.due(shard.id, until, scan.limit).await?;
        let mut state = shard.state.lock();
        if state.life != life {
            // The index is another one by now, and so will the scan be.
            return Ok(());
        }
        scan.seen(until, &due, self.config.due_rows);
        for row in due {
            let known = state.table.slot(&row.key).is_some()
                || state.table.deleted.contains_key(&row.key)
                // Also one whose wake-up was put off: in the store it is as due as before.
                || state.due.wakes_unloaded(&row.key);
            if !known {
                let bytes = usize::try_from(row.billed_bytes).unwrap_or(usize::MAX);
                state.due.wake_unloaded(row.at_ms, &row.key, bytes);
            }
        }
        Ok(())
    }

    /// Wakes what is due by `now`, a few at a time, and what comes due meanwhile in its turn; ends early where the
    /// shard takes no commands, and after a few where the store has more that is due: what another namespace wants may
    /// be behind what is known. Answers how many entities were woken.
    async fn wake_due(&self, shard: &Shard, now: i64, has_more: bool) -> (usize, WokenUp) {
        let mut woken = 0;
        loop {
            let due = {
                let mut state = shard.state.lock();
                let is_left = state.due.first_wake().is_some_and(|at| at <= now);
                let by_now = state.advance(self.wall.look()).millis();
                if is_left { take_due(&mut state, by_now) } else { Vec::new() }
            };
            if due.is_empty() {
                return (woken, WokenUp::Done);
            }
            woken += due.len();
            let outcomes = self.wake_each(shard, &due).await;
            if outcomes.contains(&WokenUp::Refused) {
                return (woken, WokenUp::Refused);
            }
            tokio::task::yield_now().await;
            if !self.memory.has_room() {
                // Slower than what was woken is written and let go of; on and on, for some of it may only go once
                // woken.
                self.memory.wake();
                tokio::time::sleep(NO_ROOM).await;
            }
            if has_more {
                return (woken, WokenUp::Done);
            }
        }
    }

    /// Wakes these, as many together as the shard has room for: of those that are not in memory no more than one is on
    /// its way from the store where there is none.
    async fn wake_each(&self, shard: &Shard, due: &[DueWake]) -> Vec<WokenUp> {
        let mut outcomes = Vec::with_capacity(due.len());
        let mut left = due;
        // All shards may wake what is due at the same moment.
        let room = self.loads.room() / self.shards.len();
        while !left.is_empty() {
            let together = if self.memory.has_room() { fitting(left, room) } else { 1 };
            let (next, rest) = left.split_at(together);
            outcomes.extend(join_all(next.iter().map(|due| self.wake_one(shard, due))).await);
            left = rest;
        }
        outcomes
    }

    async fn wake_one(&self, shard: &Shard, due: &DueWake) -> WokenUp {
        let key = &due.key;
        let Some(by) = self.kinds.get(key.kind).and_then(Woken::taken_by) else {
            return WokenUp::Done;
        };
        if shard.state.lock().phase != Phase::Serving {
            return WokenUp::Done;
        }
        // What workers are given is known when it is decided.
        let wake_up = Told { by, key, notice: Woken { grace: Grace::NONE } };
        let mut outcome = WokenUp::Done;
        // What will be refused is not loaded for that.
        let woken = match self.namespaces.namespace(key.namespace_id) {
            Some(_) => self.execute_unawaited(wake_up).await,
            None => Err(ShardError::UnknownNamespace(key.namespace_id)),
        };
        let pause = match woken {
            Ok(()) | Err(ShardError::Rejected(_) | ShardError::Quarantined(_)) => STILL_DUE_MS,
            Err(ShardError::UnknownNamespace(_)) => NAMESPACE_GONE_MS,
            Err(ShardError::NoMemory) => NO_ROOM_MS,
            Err(ShardError::Overloaded(_)) => {
                outcome = WokenUp::Refused;
                STILL_DUE_MS
            }
            Err(error) => {
                tracing::debug!(shard = shard.id.0, %error, "wake-up postponed");
                STILL_DUE_MS
            }
        };
        let mut state = shard.state.lock();
        let now = state.advance(self.wall.look()).millis();
        state.look_again(due, now, pause);
        outcome
    }
}

impl ShardState {
    /// An entity was woken: it is when it wants to be again, after a pause (milliseconds) where it still is due.
    fn look_again(&mut self, DueWake { key, stored_bytes }: &DueWake, now: i64, pause: i64) {
        match self.table.slot(key) {
            Some(Slot::Resident(resident)) if resident.core.armed.is_none() => {
                self.arm(key, |at| if at > now { at } else { now + pause });
            }
            // It is not in memory, or not any more: the index has to bring it back, whatever came of it.
            None if self.phase == Phase::Serving
                && matches!(Residents::find(&self.table, key), Known::Unloaded) =>
            {
                self.due.wake_unloaded(now + pause, key, *stored_bytes);
            }
            _ => {}
        }
    }
}

/// Removes some of what is due from the index, by the shard's time as it is by then: one that was taken back since
/// `now` may be earlier, and what is not due by its time would be found again and again.
fn take_due(state: &mut ShardState, now: i64) -> Vec<DueWake> {
    let now = now.min(state.time.now().millis());
    let due = state.due.take_due_wakes(now, AT_ONCE);
    for DueWake { key, .. } in &due {
        if let Some(resident) = state.table.get_mut(key) {
            resident.core.armed = None;
        }
    }
    due
}

/// How many of these have no more than so many bytes together, one at least.
fn fitting(due: &[DueWake], room: usize) -> usize {
    let mut bytes = 0_usize;
    let fits = |due: &&DueWake| {
        bytes = bytes.saturating_add(due.stored_bytes);
        bytes <= room
    };
    due.iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ShardTime;
    use atoll_internal_api::entity::EntityKey;
    use cell_memory::Budget;
    use cell_store::ShardId;

    #[test]
    fn the_store_has_more_where_a_look_was_cut_before_now() {
        let row = |at_ms| DueRow {
            at_ms,
            key: EntityKey::run(uuid::Uuid::nil(), "w", uuid::Uuid::nil()),
            billed_bytes: 0,
        };
        let mut scan = Scan::new(2);
        scan.seen(100, &[row(5)], 2);
        assert!(!scan.has_more(200), "all was read");
        scan.seen(100, &[row(5), row(7)], 2);
        assert_eq!([6, 7, 8].map(|now| scan.has_more(now)), [false, true, true]);
        scan.put_off = true;
        assert!(!scan.has_more(8), "it is read behind what is known");
    }

    #[test]
    fn nothing_is_due_by_the_time_of_an_earlier_life() {
        let kinds = Arc::new(cell_engine::Registry::default());
        let mut state = ShardState::new(ShardId(0), kinds, 1, Budget::new(1 << 20));
        let key = EntityKey::run(uuid::Uuid::nil(), "w", uuid::Uuid::from_u128(1));
        state.due.wake_unloaded(1_000, &key, 7);
        state.time = ShardTime::logged(Time::from_millis(999));
        assert_eq!(take_due(&mut state, 2_000), []);
        state.time = ShardTime::logged(Time::from_millis(1_000));
        assert_eq!(take_due(&mut state, 2_000), [DueWake { key, stored_bytes: 7 }]);
    }

    #[test]
    fn what_was_let_go_of_right_after_it_was_woken_is_looked_at_again() {
        let kinds = Arc::new(cell_engine::Registry::default());
        let mut state = ShardState::new(ShardId(0), kinds, 1, Budget::new(1 << 20));
        let key = EntityKey::run(uuid::Uuid::nil(), "w", uuid::Uuid::from_u128(1));
        let due = DueWake { key, stored_bytes: 7 };
        state.look_again(&due, 1_000, STILL_DUE_MS);
        assert_eq!(state.due.first_wake(), None, "it is not served");
        state.phase = Phase::Serving;
        state.table.complete = true;
        state.look_again(&due, 1_000, STILL_DUE_MS);
        assert_eq!(state.due.first_wake(), None, "there is none");
        state.table.complete = false;
        state.look_again(&due, 1_000, STILL_DUE_MS);
        assert_eq!(state.due.first_wake(), Some(1_000 + STILL_DUE_MS));
        assert_eq!(state.due.take_due_wakes(2_000, 9), [due]);
    }

    #[test]
    fn as_many_are_woken_together_as_may_be_on_their_way() {
        let due = |stored_bytes| DueWake {
            key: EntityKey::run(uuid::Uuid::nil(), "w", uuid::Uuid::nil()),
            stored_bytes,
        };
        let all: Vec<_> = [60, 0, 40, 1, 500, usize::MAX, usize::MAX].map(due).to_vec();
        let fits = |from: usize| fitting(&all[from..], 100);
        assert_eq!([0, 3, 4, 5, 6].map(fits), [3, 1, 1, 1, 1]);
    }

    #[test]
    fn the_index_is_read_again_once_half_of_the_window_has_passed() {
        let mut scan = Scan::new(10);
        assert!(scan.is_due(0, 200), "nobody has looked");
        scan.seen(1_200, &[], 10);
        assert!(!scan.is_due(1_099, 200) && scan.is_due(1_100, 200));
    }
}
