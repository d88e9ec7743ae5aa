//! A step of a schedule in the making: each change is applied to a copy at once, so that the next one builds on it.

use super::buffer::judge;
use super::start::workflow_id;
use super::state::{State, start_of};
use super::times::LOOKS_LOCKED;
use super::{BACKFILL_PAUSE, BACKFILLED_PER_STEP, BUFFER_LIMIT, LOOK_PAUSE, Schedule, TIMES_PER_STEP};
use crate::command::{Context, Decision};
use crate::time::Time;
use crate::transition::Transition;
use atoll_api::temporal::api::enums::v1::{
    ScheduleOverlapPolicy as Overlap, WorkflowExecutionStatus as Status,
};
use atoll_api::temporal::api::schedule::v1::ScheduleState;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::schedule::v1 as stored;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use atoll_internal_api::schedule::v1::{Asked, BufferedStart, MessageBackedOff, ScheduleChange};
use atoll_internal_api::usage::v1::{ActionType, Actions};
use prost::Message;
use schedule_spec::{Looks, Moment, Next, Seed, SpecError};
use std::sync::Arc;

/// A step in the making.
pub(super) struct Draft {
    key: EntityKey,
    seed: Seed,
    pub(super) state: State,
    pub(super) now: Time,
    retention_nanos: i64,
    changes: Vec<log::Change>,
    /// What the step is billed as, if it changes something.
    action: Option<ActionType>,
}

impl Draft {
    /// A step of a schedule that exists.
    pub(super) fn new(schedule: &Schedule, state: &State, context: &Context<'_>) -> Self {
        Self {
            key: schedule.key.clone(),
            seed: schedule.seed.clone(),
            state: state.clone(),
            now: context.now,
            retention_nanos: context.namespace.retention_nanos,
            changes: Vec::new(),
            action: None,
        }
    }

    /// The first step of a schedule; an error where its spec does not compile.
    pub(super) fn create(
        key: EntityKey,
        created: stored::Created,
        context: &Context<'_>,
    ) -> Result<Self, SpecError> {
        let seed = Seed::new(key.namespace_id, &key.id);
        let state = State::created(&created, &seed)?;
        let retention_nanos = context.namespace.retention_nanos;
        let mut draft =
            Self { key, seed, state, now: context.now, retention_nanos, changes: Vec::new(), action: None };
        draft.log(Kind::Created(created));
        Ok(draft)
    }

    /// Adds an update; an error, and nothing of it, where its spec does not compile.
    pub(super) fn update(&mut self, updated: stored::Updated) -> Result<(), SpecError> {
        self.state.updated(&updated, &self.seed)?;
        self.log(Kind::Updated(updated));
        Ok(())
    }

    /// The step is billed as this, if it changes something.
    pub(super) fn bill(&mut self, action: ActionType) {
        self.action = Some(action);
    }

    /// Adds a change.
    pub(super) fn change(&mut self, kind: Kind) {
        self.state.apply(&kind, &self.seed);
        self.log(kind);
    }

    fn log(&mut self, kind: Kind) {
        let change = ScheduleChange { kind: Some(kind) }.encode_to_vec();
        self.changes.push(log::Change { kind: Some(log::change::Kind::Own(change.into())) });
    }

    /// Changes whether the schedule is paused, and what is said of it.
    pub(super) fn set_state(&mut self, set: impl FnOnce(&mut ScheduleState)) {
        let mut state = (*self.state.status).clone();
        set(&mut state);
        self.change(Kind::StateSet(stored::StateSet { state: Some(state) }));
    }

    /// The schedule closes.
    pub(super) fn close(&mut self, status: Status) {
        let delete_at_ns = self.now.plus(self.retention_nanos).0.max(1);
        self.change(Kind::Closed(stored::Closed { at_ns: self.now.0, status: status as i32, delete_at_ns }));
    }

    /// The step, with this answer.
    pub(super) fn accept<R>(self, reply: R) -> Decision<R> {
        if self.changes.is_empty() {
            return Decision::unchanged(reply);
        }
        let unrecorded = self.action.map(|action| Actions { r#type: action as i32, count: 1 });
        let transition = Transition {
            changes: self.changes,
            unrecorded: unrecorded.into_iter().collect(),
            ..Transition::of(self.key)
        };
        Decision::accept(vec![transition], reply)
    }

    /// Everything that follows from what happened, and from the time that it is.
    pub(super) fn settle(&mut self) {
        self.send_again();
        // The buffer is looked at once all that is due is in it: what a policy makes of a start depends on the others.
        if !self.state.closed() && self.walk() {
            self.backfill();
            self.settle_buffer();
            if self.state.retires_at().is_some_and(|at| at <= self.now) {
                self.close(Status::Completed);
            }
        }
    }

    /// Messages whose pauses are over go out again.
    fn send_again(&mut self) {
        let now = self.now.0;
        let over = |at: i64| at != 0 && at <= now;
        let starts = self.state.starting.iter().filter(|pending| over(pending.retry_at_ns));
        let starts = starts.map(|pending| (false, start_of(pending).number, pending.attempt));
        let running = self.state.running.iter().filter(|running| over(running.retry_at_ns));
        let (waits, looks): (Vec<_>, Vec<_>) = running.cloned().partition(|running| running.pending);
        let waits = waits.into_iter().map(|running| (true, running.number, running.attempt));
        for (running, number, attempt) in starts.chain(waits).collect::<Vec<_>>() {
            self.back_off(MessageBackedOff { running, number, attempt, ..Default::default() });
        }
        for running in looks {
            let asked = Asked::Unspecified as i32;
            self.change(Kind::WorkflowAsked(stored::WorkflowAsked { number: running.number, asked }));
        }
    }

    /// Something is held up by what runs: that is looked for after a while.
    fn look_later(&mut self) {
        let at = self.now.plus(LOOK_PAUSE).0;
        let running =
            self.state.running.iter().filter(|running| !running.pending && running.retry_at_ns == 0);
        for number in running.map(|running| running.number).collect::<Vec<_>>() {
            let off = MessageBackedOff { running: true, number, retry_at_ns: at, ..Default::default() };
            self.back_off(off);
        }
    }

    /// A message waits, or (without a moment) goes out.
    pub(super) fn back_off(&mut self, off: MessageBackedOff) {
        self.change(Kind::MessageBackedOff(off));
    }

    /// Deals with the times of the spec that have come. Whether none is left that has.
    pub(super) fn walk(&mut self) -> bool {
        let (now, marked) = (self.now.millis(), self.state.progress.passed_ms);
        if !self.state.acts() {
            // Times of a pause are not missed: they are not there.
            if marked < now {
                self.pass(now, 0, 0);
            }
            return true;
        }
        if !self.is_due() {
            return true;
        }
        let plan = Arc::clone(&self.state.plan);
        let seed = self.seed.clone();
        let mut times = plan.spec.times(&seed, marked);
        let mut looks = Looks::of(LOOKS_LOCKED);
        let (mut passed, mut missed, mut found) = (marked, 0, 0);
        loop {
            match times.next(&mut looks) {
                Next::At(moment) if moment.actual_ms <= now => {
                    passed = later(passed, moment.actual_ms);
                    missed += i64::from(!self.is_timely(moment));
                    found += 1;
                }
                Next::Later(ms) if ms <= now => passed = later(passed, ms),
                Next::At(_) | Next::Later(_) | Next::Never => break,
            }
            if found >= TIMES_PER_STEP || looks.used_up() {
                break;
            }
        }
        self.pass(passed, missed, found as i64);
        // What is left is due at once. Where nothing is, nobody wakes the schedule before the next time.
        !self.is_due()
    }

    /// Whether the spec has, or may have, a time that has come and is not dealt with.
    fn is_due(&self) -> bool {
        let now = self.now.millis();
        matches!(self.state.next, Next::At(Moment { actual_ms: at, .. }) | Next::Later(at) if at <= now)
    }

    fn pass(&mut self, passed_ms: i64, missed: i64, times: i64) {
        self.change(Kind::Passed(stored::Passed { passed_ms, missed, times }));
    }

    /// A time has come: it is acted on, unless it is too old. One from before the last update is none any more. Answers
    /// whether it was not missed.
    fn is_timely(&mut self, moment: Moment) -> bool {
        let at = Time::from_millis(moment.actual_ms);
        if Time(self.state.progress.update_time_ns) > at {
            return true;
        }
        if self.now.0.saturating_sub(at.0) > self.state.plan.catchup_nanos() {
            return false;
        }
        self.add_start(moment, Overlap::Unspecified as i32, false);
        true
    }

    /// Something is to be started.
    pub(super) fn add_start(&mut self, moment: Moment, overlap_policy: i32, manual: bool) {
        let start = BufferedStart {
            number: self.state.progress.last_start + 1,
            nominal_ms: moment.nominal_ms,
            actual_ms: moment.actual_ms,
            overlap_policy,
            manual,
        };
        let dropped = !self.state.has_room();
        self.change(Kind::StartBuffered(stored::StartBuffered { start: Some(start), dropped }));
    }

    /// Adds a few times of the backfills, if it is time for them.
    fn backfill(&mut self) {
        if Time(self.state.progress.backfill_at_ns) > self.now {
            return;
        }
        let next_at_ns = self.now.plus(BACKFILL_PAUSE).0;
        let plan = Arc::clone(&self.state.plan);
        let seed = self.seed.clone();
        let (mut left, mut looks) = (BACKFILLED_PER_STEP, Looks::of(LOOKS_LOCKED));
        while left > 0 && !looks.used_up() && self.state.backfills_may_go_on() {
            let Some(backfill) = self.state.backfills.front().copied() else { return };
            let mut times = plan.spec.times(&seed, backfill.after_ms);
            let (mut after_ms, mut done) = (backfill.after_ms, false);
            while left > 0 && !done {
                match times.next(&mut looks) {
                    Next::At(moment) if moment.actual_ms <= backfill.end_ms => {
                        after_ms = later(after_ms, moment.actual_ms);
                        self.add_start(moment, backfill.overlap_policy, true);
                        left -= 1;
                    }
                    Next::Later(ms) if ms <= backfill.end_ms => after_ms = later(after_ms, ms),
                    Next::At(_) | Next::Later(_) | Next::Never => done = true,
                }
                if looks.used_up() {
                    break;
                }
            }
            self.change(Kind::BackfillMoved(stored::BackfillMoved { after_ms, done, next_at_ns }));
        }
    }

    /// Lets go what may go of the buffer, by its policies, and what runs make room where they say so.
    fn settle_buffer(&mut self) {
        // What may not be started after all leaves the buffer: each turn has less to look at.
        for _ in 0..=BUFFER_LIMIT {
            if self.state.buffered.is_empty() {
                return;
            }
            if self.state.plan.start().is_none() {
                let all = self.state.buffered.iter().map(|start| start.number).collect();
                return self.leave(all, false);
            }
            let plan = Arc::clone(&self.state.plan);
            let starts = self.state.buffered.iter().map(|it| (it.number, plan.overlap(it.overlap_policy)));
            let verdict = judge(starts, self.state.is_busy());
            let is_held_up = verdict.alone.is_none() && verdict.overlapping.len() < self.state.buffered.len();
            self.leave(verdict.skipped, true);
            self.leave(verdict.replaced, false);
            let mut refused = Vec::new();
            let begin = verdict.overlapping.into_iter().map(|number| (number, true));
            for (number, overlapping) in begin.chain(verdict.alone.map(|number| (number, false))) {
                if !self.begin(number, overlapping) {
                    refused.push(number);
                }
            }
            self.ask(verdict.asked);
            if is_held_up {
                self.look_later();
            }
            if refused.is_empty() {
                return;
            }
            if verdict.alone.is_some_and(|number| refused.contains(&number)) {
                // Each of those that wait behind would be refused in its turn, up to the first that people asked for.
                let waiting = self.state.buffered.iter().take_while(|start| !start.manual);
                refused.extend(waiting.map(|start| start.number));
            }
            refused.sort_unstable();
            refused.dedup();
            self.leave(refused, false);
        }
    }

    fn leave(&mut self, numbers: Vec<i64>, skipped: bool) {
        if !numbers.is_empty() {
            self.change(Kind::StartsLeft(stored::StartsLeft { numbers, skipped }));
        }
    }

    /// Sends a start, if the schedule may act on it. What people asked for it always may.
    fn begin(&mut self, number: i64, overlapping: bool) -> bool {
        let Some(start) = self.state.buffered.iter().find(|start| start.number == number).copied() else {
            return true;
        };
        if !start.manual {
            if !self.state.acts() {
                return false;
            }
            if self.state.status.limited_actions {
                self.change(Kind::ActionUsed(stored::ActionUsed {}));
            }
        }
        let (workflow_id, reuse) = workflow_id(&self.state.plan, start, overlapping);
        let (at_ns, id_reuse_policy) = (self.now.0, reuse as i32);
        let decided = stored::StartDecided { number, workflow_id, overlapping, at_ns, id_reuse_policy };
        self.change(Kind::StartDecided(decided));
        true
    }

    /// Asks what runs to make room, if it was not asked that, or more, before. What is being looked for is asked once
    /// it is found.
    fn ask(&mut self, asked: Asked) {
        let is_looked_for = |it: &&stored::RunningWorkflow| it.pending && it.asked() == Asked::Unspecified;
        let running =
            self.state.running.iter().filter(|running| running.asked() < asked && !is_looked_for(running));
        for number in running.map(|running| running.number).collect::<Vec<_>>() {
            self.change(Kind::WorkflowAsked(stored::WorkflowAsked { number, asked: asked as i32 }));
        }
    }
}

/// Where a mark goes. A schedule whose mark did not grow would deal with the same times for ever: it is kept aside.
fn later(marked_ms: i64, found_ms: i64) -> i64 {
    assert!(found_ms > marked_ms, "a time at {found_ms} ms was found after {marked_ms} ms");
    found_ms
}
