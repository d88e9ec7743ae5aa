//! What each change does to a schedule.

use super::plan::Plan;
use super::state::{State, start_of};
use super::times::LOOKS_LOCKED;
use super::{FUTURE_KEPT, FUTURE_LISTED, RECENT_LIMIT, REQUEST_IDS_LIMIT};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_api::temporal::api::schedule::v1::ScheduleActionResult;
use atoll_internal_api::schedule::v1 as stored;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use schedule_spec::{Next, Seed, SpecError};
use std::sync::Arc;

/// Of what this code cannot read any more the schedule is kept aside.
pub(super) const TAKEN: &str = "a spec that was compiled before it was taken";

impl State {
    /// What a creation makes: whatever the id was used for before is over. An error where its spec does not compile.
    pub(super) fn created(created: &stored::Created, seed: &Seed) -> Result<Self, SpecError> {
        let (plan, status) = Plan::of(created.schedule.clone().unwrap_or_default())?;
        let mut state = Self::new(created.life.clone().unwrap_or_default(), plan, status, seed);
        state.memo = Arc::new(created.memo.clone().unwrap_or_default());
        state.search_attributes = Arc::new(created.search_attributes.clone().unwrap_or_default());
        Ok(state)
    }

    /// Applies one change to a schedule that exists. Panics only on a change that no command decides.
    pub(super) fn apply(&mut self, change: &Kind, seed: &Seed) {
        match change {
            Kind::Created(created) => *self = Self::created(created, seed).expect(TAKEN),
            Kind::Updated(updated) => self.updated(updated, seed).expect(TAKEN),
            Kind::StateSet(set) => {
                self.status = Arc::new(set.state.clone().unwrap_or_default());
                self.progress.conflict_token += 1;
            }
            Kind::ActionUsed(stored::ActionUsed {}) => {
                Arc::make_mut(&mut self.status).remaining_actions -= 1;
                self.progress.conflict_token += 1;
            }
            Kind::Passed(passed) => self.passed(passed, seed),
            Kind::StartBuffered(buffered) => {
                let start = buffered.start.unwrap_or_default();
                if buffered.dropped {
                    self.progress.buffer_dropped += 1;
                } else {
                    self.progress.last_start = start.number;
                    self.buffered.push_back(start);
                }
            }
            Kind::StartsLeft(left) => {
                self.buffered.retain(|start| left.numbers.binary_search(&start.number).is_err());
                if left.skipped {
                    self.progress.overlap_skipped += left.numbers.len() as i64;
                }
            }
            Kind::StartDecided(decided) => self.decided(decided),
            Kind::StartPostponed(postponed) => {
                if let Some(pending) = self.pending_mut(postponed.number) {
                    (pending.has_turn, pending.retry_at_ns) = (true, postponed.until_ns);
                }
            }
            Kind::StartAnswered(answered) => self.answered(answered),
            Kind::WorkflowAsked(asked) => {
                if let Some(running) = self.running_mut(asked.number) {
                    (running.asked, running.pending) = (asked.asked, true);
                    (running.attempt, running.retry_at_ns) = (0, 0);
                }
            }
            Kind::WorkflowAnswered(answered) => {
                if let Some(running) = self.running_mut(answered.number) {
                    (running.pending, running.attempt, running.retry_at_ns) = (false, 0, 0);
                }
            }
            Kind::MessageBackedOff(off) => {
                let (attempt, at) = (off.attempt, off.retry_at_ns);
                if off.running {
                    let running = self.running_mut(off.number);
                    running.into_iter().for_each(|it| (it.attempt, it.retry_at_ns) = (attempt, at));
                } else {
                    let pending = self.pending_mut(off.number);
                    pending.into_iter().for_each(|it| {
                        (it.attempt, it.retry_at_ns) = (attempt, at);
                        it.finds_only |= off.finds_only;
                        it.overlapping |= off.overlapping;
                    });
                }
            }
            Kind::WorkflowEnded(ended) => self.ended(ended),
            Kind::BackfillAdded(added) => {
                if added.dropped {
                    self.progress.buffer_dropped += 1;
                } else {
                    self.backfills.extend(added.backfill);
                }
            }
            Kind::BackfillsDropped(dropped) => self.progress.buffer_dropped += dropped.count,
            Kind::BackfillMoved(moved) => {
                self.progress.backfill_at_ns = moved.next_at_ns;
                if moved.done {
                    self.backfills.pop_front();
                } else if let Some(backfill) = self.backfills.front_mut() {
                    backfill.after_ms = moved.after_ms;
                }
            }
            Kind::RequestSeen(seen) => {
                self.request_ids.push_back(seen.request_id.as_str().into());
                if self.request_ids.len() > REQUEST_IDS_LIMIT {
                    self.request_ids.pop_front();
                }
            }
            Kind::Closed(closed) => {
                self.progress.close_time_ns = closed.at_ns;
                self.progress.status = closed.status;
                self.progress.delete_at_ns = closed.delete_at_ns;
            }
        }
    }

    /// Lists hold more times than they show, so that they need not be told of each that passes. Where the mark moves
    /// over none, or the next one was found with pains, they may hold too few; they are told once there is a next one.
    fn passed(&mut self, passed: &stored::Passed, seed: &Seed) {
        self.progress.passed_ms = passed.passed_ms;
        self.progress.missed_catchup_window += passed.missed;
        self.progress.times_unlisted += passed.times;
        let taken = self.look_ahead(seed);
        let enough = self.progress.times_unlisted >= (FUTURE_KEPT - FUTURE_LISTED) as i64;
        match self.next {
            Next::Later(_) => self.progress.times_unlisted = FUTURE_KEPT as i64,
            _ if enough || passed.times == 0 || taken > LOOKS_LOCKED / 2 => self.progress.times_unlisted = 0,
            _ => {}
        }
    }

    /// What an update makes of it: nothing where its spec does not compile.
    pub(super) fn updated(&mut self, updated: &stored::Updated, seed: &Seed) -> Result<(), SpecError> {
        let (plan, status) = Plan::of(updated.schedule.clone().unwrap_or_default())?;
        (self.plan, self.status) = (Arc::new(plan), Arc::new(status));
        if let Some(attributes) = &updated.search_attributes {
            self.search_attributes = Arc::new(attributes.clone());
        }
        self.progress.update_time_ns = updated.at_ns;
        self.progress.conflict_token += 1;
        // A time from before the update is none any more, but for one whose jitter carries it beyond.
        let settled = self.settled_before(Time(updated.at_ns).millis(), seed);
        self.progress.passed_ms = self.progress.passed_ms.max(settled);
        if self.plan.start().is_none() {
            // Nobody can say any more what they would start.
            self.starting.clear();
        }
        self.look_ahead(seed);
        Ok(())
    }

    fn decided(&mut self, decided: &stored::StartDecided) {
        let Some(at) = self.buffered.iter().position(|start| start.number == decided.number) else { return };
        self.starting.push(stored::PendingStart {
            start: self.buffered.remove(at),
            workflow_id: decided.workflow_id.clone(),
            overlapping: decided.overlapping,
            decided_at_ns: decided.at_ns,
            id_reuse_policy: decided.id_reuse_policy,
            ..Default::default()
        });
    }

    fn answered(&mut self, answered: &stored::StartAnswered) {
        let number = answered.number;
        let Some(at) = self.starting.iter().position(|pending| start_of(pending).number == number) else {
            return;
        };
        let pending = self.starting.remove(at);
        if answered.run_id.is_empty() {
            self.progress.missed_catchup_window += i64::from(answered.missed);
            return;
        }
        self.progress.action_count += 1;
        self.recent.push_back(ScheduleActionResult {
            schedule_time: Some(Time::from_millis(start_of(&pending).actual_ms).to_proto()),
            actual_time: Some(Time(answered.at_ns).to_proto()),
            start_workflow_result: Some(WorkflowExecution {
                workflow_id: pending.workflow_id.clone(),
                run_id: answered.run_id.clone(),
            }),
            start_workflow_status: Status::Running as i32,
        });
        if self.recent.len() > RECENT_LIMIT {
            self.recent.pop_front();
        }
        if !pending.overlapping {
            self.running.push(stored::RunningWorkflow {
                number,
                workflow_id: pending.workflow_id,
                run_id: answered.run_id.clone(),
                ..Default::default()
            });
        }
    }

    fn ended(&mut self, ended: &stored::WorkflowEnded) {
        self.running.retain(|running| running.run_id != ended.run_id);
        let of = |action: &&mut ScheduleActionResult| {
            action.start_workflow_result.as_ref().is_some_and(|started| started.run_id == ended.run_id)
        };
        if let Some(action) = self.recent.iter_mut().find(of) {
            action.start_workflow_status = ended.status;
        }
        if let Some(result) = &ended.result {
            self.last_completion_result = Some(Arc::new(result.clone()));
            self.continued_failure = None;
        } else if let Some(failure) = &ended.failure {
            self.continued_failure = Some(Arc::new(failure.clone()));
        }
    }

    fn pending_mut(&mut self, number: i64) -> Option<&mut stored::PendingStart> {
        self.starting.iter_mut().find(|pending| start_of(pending).number == number)
    }

    fn running_mut(&mut self, number: i64) -> Option<&mut stored::RunningWorkflow> {
        self.running.iter_mut().find(|running| running.number == number)
    }
}
