//! Applying a transition: events first, then the changes that are not events.

use super::collection::Item;
use super::collections::{InCollection, PendingKind};
use super::deadlines::Due;
use super::workflow_task::TaskStep;
use super::{Run, ScheduledTask, Standing, nanos};
use crate::effect::{EffectDelta, EffectKey};
use crate::time::Time;
use crate::transition::Transition;
use atoll_internal_api::log::v1::Change;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::Sticky;
use std::collections::BTreeSet;

/// `EffectBackedOff.pending_kind` of a listener, which is in no collection.
pub(crate) const LISTENER: u32 = 0;

/// What a transition touched: the difference is looked up from these keys at the end.
#[derive(Default)]
pub(super) struct Touched {
    /// First event of the transition.
    pub(super) first_event_id: i64,
    pub(super) effects: BTreeSet<EffectKey>,
    pub(super) visibility: bool,
    /// Something of the run itself changed its size.
    pub(super) own_size: bool,
}

impl Run {
    /// Applies one step and answers the difference it makes. Panics only on a transition that `decide` never makes.
    pub fn apply(&mut self, transition: &Transition) -> EffectDelta {
        let mut touched = Touched { first_event_id: self.info.next_event_id, ..Default::default() };
        for event in &transition.events {
            self.apply_event(event, &mut touched);
        }
        for change in &transition.changes {
            self.apply_change(change, &mut touched);
        }
        if touched.own_size {
            self.measure();
        }
        self.info.state_transitions += 1;
        let mut delta = EffectDelta { visibility: touched.visibility, ..Default::default() };
        for key in touched.effects {
            match self.effect(key) {
                Some(effect) => delta.wanted.push(effect),
                None => delta.dropped.push(key),
            }
        }
        delta
    }

    fn apply_change(&mut self, change: &Change, touched: &mut Touched) {
        let Some(kind) = &change.kind else { return };
        match kind {
            Kind::RunOpened(opened) => {
                self.info.start_request_id.clone_from(&opened.start_request_id);
                self.hold_first_task(opened.first_task_held);
                self.set_listeners(&opened.listeners);
                touched.own_size = true;
            }
            Kind::RunClosed(closed) => self.info.delete_at_ns = closed.delete_at_ns,
            Kind::ListenerTold(told) => self.told_listener(told.listener, touched),
            Kind::RequestIdSeen(seen) => self.request_ids.insert(&seen.request_id),
            Kind::EventBuffered(buffered) => self.buffer(&buffered.event, touched),
            Kind::BufferFlushed(_) => self.buffered.clear(),
            Kind::WorkflowCloseAttempted(_) => self.info.close_attempted = true,
            Kind::StickySet(_)
            | Kind::StickyCleared(_)
            | Kind::TransientTaskScheduled(_)
            | Kind::WorkflowTaskStarted(_)
            | Kind::WorkflowTaskStartRevoked(_)
            | Kind::WorkflowTaskDropped(_)
            | Kind::WorkflowTaskHeartbeat(_) => self.apply_task_change(kind, touched),
            Kind::ActivityStarted(_)
            | Kind::ActivityStartRevoked(_)
            | Kind::ActivityHeartbeat(_)
            | Kind::ActivityRetryScheduled(_)
            | Kind::ActivityDispatched(_) => self.apply_activity_change(kind, touched),
            Kind::ChildReleased(_) | Kind::ChildStartLearned(_) | Kind::ChildDropped(_) => {
                self.apply_child_change(kind, touched);
            }
            Kind::EffectBackedOff(back_off) if back_off.pending_kind == LISTENER => {
                let number = u32::try_from(back_off.id).unwrap_or(u32::MAX);
                self.back_off_listener(number, back_off.attempt, back_off.retry_at_ns, touched);
            }
            Kind::EffectBackedOff(back_off) => {
                let kind =
                    PendingKind::from_number(back_off.pending_kind).expect("a collection of this code");
                let (attempt, retry_at_ns) = (back_off.attempt, back_off.retry_at_ns);
                let (pending, mut beside) = (self.pending.of_mut(kind), self.deadlines.beside(touched));
                pending.back_off(back_off.id, attempt, retry_at_ns, &mut beside);
            }
            Kind::FirstTaskReleased(_) => self.hold_first_task(false),
            other => unreachable!("a change of another kind of entity: {other:?}"),
        }
    }

    fn apply_task_change(&mut self, kind: &Kind, touched: &mut Touched) {
        match kind {
            Kind::StickySet(sticky) => {
                self.sticky = Some(Sticky {
                    task_queue: sticky.task_queue.clone(),
                    schedule_to_start_timeout_ns: sticky.schedule_to_start_timeout_ns,
                });
                // A task of the same step is on this queue already; its event does not say how long it may wait.
                if self.task.scheduled().is_some_and(|task| !task.sticky_queue.is_empty()) {
                    self.step_task(TaskStep::SetStickyTimeout(sticky.schedule_to_start_timeout_ns), touched);
                }
            }
            Kind::StickyCleared(_) => self.sticky = None,
            Kind::TransientTaskScheduled(task) => {
                let scheduled = ScheduledTask {
                    standing: Standing::Transient,
                    scheduled_event_id: self.info.next_event_id,
                    attempt: task.attempt,
                    scheduled_at_ns: task.scheduled_at_ns,
                    original_scheduled_at_ns: task.scheduled_at_ns,
                    start_to_close_timeout_ns: task.start_to_close_timeout_ns,
                    stamp: self.next_task_stamp(),
                    sticky_queue: String::new(),
                    sticky_timeout_ns: 0,
                };
                self.step_task(TaskStep::Schedule(scheduled), touched);
            }
            Kind::WorkflowTaskStarted(started) => {
                self.step_task(TaskStep::HandOver(started.clone()), touched);
            }
            Kind::WorkflowTaskStartRevoked(_) => {
                let stamp = self.next_task_stamp();
                self.step_task(TaskStep::Revoke(stamp), touched);
            }
            Kind::WorkflowTaskDropped(dropped) => {
                self.info.next_attempt = dropped.next_attempt;
                self.step_task(TaskStep::Drop, touched);
            }
            Kind::WorkflowTaskHeartbeat(heartbeat) => {
                self.step_task(TaskStep::Heartbeat(heartbeat.original_scheduled_at_ns), touched);
            }
            _ => unreachable!("not a change of the workflow task"),
        }
    }

    /// Stamp of a new dispatch of the workflow task.
    pub(super) fn next_task_stamp(&mut self) -> u32 {
        self.info.task_stamp += 1;
        self.info.task_stamp
    }

    /// Something happens to the workflow task. Panics where it cannot: no command decides on that.
    pub(super) fn step_task(&mut self, step: TaskStep, touched: &mut Touched) {
        if let Some((at, due)) = self.task.deadline() {
            self.deadlines.remove(at, due);
        }
        let (task, is_revoked) = (std::mem::take(&mut self.task), matches!(step, TaskStep::Revoke(_)));
        self.task = task.step(step).unwrap_or_else(|illegal| panic!("{illegal}"));
        // No worker has the task that shows the workflow what it had not seen, and none will have that very task again.
        if !is_revoked && self.task.started().is_none() {
            self.info.close_attempted = false;
        }
        if let Some((at, due)) = self.task.deadline() {
            self.deadlines.add(at, due);
        }
        touched.effects.insert(EffectKey::WorkflowTask);
    }

    /// Changes something pending. Panics where it is not: `decide` never makes such a step.
    pub(super) fn change<T: Item + InCollection>(
        &mut self,
        id: i64,
        touched: &mut Touched,
        change: impl FnOnce(&mut T),
    ) {
        T::held(&mut self.pending).change(id, &mut self.deadlines.beside(touched), change);
    }

    /// Removes something pending, if it is there.
    pub(super) fn end<T: Item + InCollection>(&mut self, id: i64, touched: &mut Touched) {
        T::held(&mut self.pending).end(id, &mut self.deadlines.beside(touched));
    }

    /// Holds the first workflow task back, or lets it go. While it is held no moment brings it: what became due
    /// meanwhile is due when it is let go.
    fn hold_first_task(&mut self, held: bool) {
        self.info.first_task_held = held;
        if held {
            self.deadlines.remove(self.info.first_task_at_ns, Due::FirstTask);
        } else {
            self.deadlines.add(self.info.first_task_at_ns, Due::FirstTask);
        }
    }

    /// The run's own deadlines, from its first event.
    pub(super) fn start_deadlines(&mut self) {
        let started = self.info.started.clone().unwrap_or_default();
        let start = self.info.start_time_ns;
        let backoff = nanos(started.first_workflow_task_backoff.as_ref());
        if backoff > 0 {
            self.info.first_task_at_ns = start.saturating_add(backoff);
            self.deadlines.add(self.info.first_task_at_ns, Due::FirstTask);
        }
        let run_timeout = nanos(started.workflow_run_timeout.as_ref());
        if run_timeout > 0 {
            self.deadlines.add(start.saturating_add(backoff).saturating_add(run_timeout), Due::RunTimeout);
        }
        if let Some(at) = &started.workflow_execution_expiration_time {
            self.deadlines.add(Time::from_proto(at).0, Due::ExecutionTimeout);
        }
    }
}
