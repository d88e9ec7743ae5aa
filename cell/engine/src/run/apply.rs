//! Applying a transition: events first, then the changes that are not events.

use super::deadlines::{self, Due};
use super::{Run, nanos};
use crate::effect::{EffectDelta, EffectKey};
use crate::transition::Transition;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1::Change;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::{Activity, Child, Sticky, WorkflowTask};
use bytes::Bytes;
use prost::Message;
use std::collections::BTreeSet;

/// What a transition touched: the difference is looked up from these keys at the end.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) effects: BTreeSet<EffectKey>,
    pub(super) visibility: bool,
}

impl Run {
    /// Applies one step and answers the difference it makes. Panics only on a transition that `decide` never makes.
    pub fn apply(&mut self, transition: &Transition) -> EffectDelta {
        let mut touched = Touched::default();
        for event in &transition.events {
            self.apply_event(event, &mut touched);
        }
        for change in &transition.changes {
            self.apply_change(change, &mut touched);
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

    fn effect(&self, key: EffectKey) -> Option<crate::effect::Effect> {
        match key {
            EffectKey::WorkflowTask => self.task_effect(),
            EffectKey::Activity(id) => self.activities.get(&id).and_then(|a| self.activity_effect(a)),
            EffectKey::Child(id) => self.children.get(&id).and_then(|c| self.child_effect(c)),
            EffectKey::Parent => self.parent_effect(),
        }
    }

    fn apply_change(&mut self, change: &Change, touched: &mut Touched) {
        let Some(kind) = &change.kind else { return };
        match kind {
            Kind::CurrentRunSet(_) | Kind::CurrentRunClosed(_) => {
                unreachable!("a change of the current-run record is applied to that record")
            }
            Kind::RunOpened(opened) => {
                self.info.start_request_id.clone_from(&opened.start_request_id);
                self.info.first_task_held = opened.first_task_held;
                self.info.parent_namespace_id = opened.parent_namespace_id.clone();
            }
            Kind::RunClosed(closed) => self.info.delete_at_ns = closed.delete_at_ns,
            Kind::ParentNotified(_) => {
                self.info.parent_notified = true;
                touched.effects.insert(EffectKey::Parent);
            }
            Kind::RequestIdSeen(seen) => {
                self.request_ids.insert(seen.request_id.clone());
            }
            Kind::EventBuffered(buffered) => self.buffer(&buffered.event, touched),
            Kind::BufferFlushed(_) => self.buffered.clear(),
            Kind::StickySet(sticky) => {
                self.sticky = Some(Sticky {
                    task_queue: sticky.task_queue.clone(),
                    schedule_to_start_timeout_ns: sticky.schedule_to_start_timeout_ns,
                });
            }
            Kind::StickyCleared(_) => self.sticky = None,
            Kind::TransientTaskScheduled(task) => {
                self.info.task_stamp += 1;
                let task = WorkflowTask {
                    scheduled_event_id: self.info.next_event_id,
                    attempt: task.attempt,
                    scheduled_at_ns: task.scheduled_at_ns,
                    start_to_close_timeout_ns: task.start_to_close_timeout_ns,
                    transient: true,
                    stamp: self.info.task_stamp,
                    ..Default::default()
                };
                self.set_task(Some(task), touched);
            }
            Kind::WorkflowTaskStarted(started) => {
                let mut task = self.task.clone().expect("a started task was scheduled");
                if task.transient {
                    task.started_event_id = task.scheduled_event_id + 1;
                }
                task.started_at_ns = started.started_at_ns;
                task.nonce = started.nonce;
                task.request_id.clone_from(&started.request_id);
                task.identity.clone_from(&started.identity);
                self.set_task(Some(task), touched);
            }
            Kind::WorkflowTaskStartRevoked(_) => {
                let mut task = self.task.clone().expect("a revoked start was recorded");
                self.info.task_stamp += 1;
                task.stamp = self.info.task_stamp;
                (task.started_event_id, task.started_at_ns, task.nonce) = (0, 0, 0);
                self.set_task(Some(task), touched);
            }
            Kind::WorkflowTaskDropped(dropped) => {
                self.info.next_attempt = dropped.next_attempt;
                self.set_task(None, touched);
            }
            Kind::ActivityStarted(_)
            | Kind::ActivityStartRevoked(_)
            | Kind::ActivityHeartbeat(_)
            | Kind::ActivityRetryScheduled(_)
            | Kind::ActivityDispatched(_) => self.apply_activity_change(kind, touched),
            Kind::ChildReleased(released) => self.release_child(released.initiated_event_id, touched),
            Kind::EffectBackedOff(back_off) => {
                self.back_off(back_off.initiated_event_id, back_off.attempt, back_off.retry_at_ns, touched);
            }
            Kind::FirstTaskReleased(_) => self.info.first_task_held = false,
            Kind::BufferedTimerDropped(dropped) => self.drop_buffered_timer(dropped.started_event_id),
        }
    }

    /// Keeps an event that waits; what it ends does not end twice meanwhile.
    fn buffer(&mut self, encoded: &Bytes, touched: &mut Touched) {
        self.buffered.push(encoded.clone());
        let event = HistoryEvent::decode(encoded.clone()).expect("a buffered event was encoded by us");
        match buffered_end(&event) {
            Some(Ended::Activity(id)) => self.with_activity(id, touched, |activity| activity.closing = true),
            Some(Ended::Timer(id)) => {
                if let Some(timer) = self.timers.get_mut(&id) {
                    timer.fired = true;
                    self.deadlines.remove(timer.fires_at_ns, Due::Timer(id));
                }
            }
            Some(Ended::Child(id)) => self.with_child(id, touched, |child| child.closing = true),
            Some(Ended::Cancel) => self.info.cancel_requested = true,
            None => self.buffer_child_start(&event, touched),
        }
    }

    /// A child whose start waits is not started twice meanwhile.
    fn buffer_child_start(&mut self, event: &HistoryEvent, touched: &mut Touched) {
        if let Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(a)) = &event.attributes {
            let run_id = super::events::child_run_id(a);
            self.with_child(a.initiated_event_id, touched, |child| child.first_run_id = run_id);
        }
    }

    fn drop_buffered_timer(&mut self, id: i64) {
        self.buffered.retain(|encoded| {
            let event = HistoryEvent::decode(encoded.clone()).expect("a buffered event was encoded by us");
            buffered_end(&event) != Some(Ended::Timer(id))
        });
    }

    fn apply_activity_change(&mut self, kind: &Kind, touched: &mut Touched) {
        match kind {
            Kind::ActivityStarted(started) => {
                self.with_activity(started.scheduled_event_id, touched, |activity| {
                    activity.started_at_ns = started.started_at_ns;
                    activity.nonce = started.nonce;
                    activity.request_id.clone_from(&started.request_id);
                    activity.identity.clone_from(&started.identity);
                    activity.worker_version.clone_from(&started.worker_version);
                    activity.heartbeat_at_ns = 0;
                })
            }
            Kind::ActivityStartRevoked(revoked) => {
                self.with_activity(revoked.scheduled_event_id, touched, |activity| {
                    activity.stamp += 1;
                    activity.started_at_ns = 0;
                    activity.nonce = 0;
                });
            }
            Kind::ActivityHeartbeat(heartbeat) => {
                self.with_activity(heartbeat.scheduled_event_id, touched, |activity| {
                    activity.heartbeat_at_ns = heartbeat.at_ns;
                    activity.heartbeat_details.clone_from(&heartbeat.details);
                });
            }
            Kind::ActivityRetryScheduled(retry) => {
                self.with_activity(retry.scheduled_event_id, touched, |activity| {
                    activity.attempt = retry.attempt;
                    activity.dispatch_at_ns = retry.dispatch_at_ns;
                    activity.last_failure.clone_from(&retry.last_failure);
                    activity.last_worker_identity.clone_from(&retry.last_worker_identity);
                    activity.stamp += 1;
                    activity.started_at_ns = 0;
                    activity.nonce = 0;
                });
            }
            Kind::ActivityDispatched(dispatched) => {
                self.with_activity(dispatched.scheduled_event_id, touched, |activity| {
                    activity.dispatch_at_ns = 0;
                    activity.scheduled_at_ns = dispatched.scheduled_at_ns;
                });
            }
            _ => unreachable!("not a change of an activity"),
        }
    }

    /// Changes an activity and keeps the index of deadlines true.
    pub(super) fn with_activity(
        &mut self,
        id: i64,
        touched: &mut Touched,
        change: impl FnOnce(&mut Activity),
    ) {
        let activity = self.activities.get_mut(&id).expect("the activity is pending");
        deadlines::of_activity(activity).into_iter().for_each(|(at, due)| self.deadlines.remove(at, due));
        change(activity);
        deadlines::of_activity(activity).into_iter().for_each(|(at, due)| self.deadlines.add(at, due));
        touched.effects.insert(EffectKey::Activity(id));
    }

    pub(super) fn set_task(&mut self, task: Option<WorkflowTask>, touched: &mut Touched) {
        if let Some(old) = &self.task {
            deadlines::of_task(old).into_iter().for_each(|(at, due)| self.deadlines.remove(at, due));
        }
        if let Some(new) = &task {
            deadlines::of_task(new).into_iter().for_each(|(at, due)| self.deadlines.add(at, due));
        }
        self.task = task;
        touched.effects.insert(EffectKey::WorkflowTask);
    }

    /// Changes a child and keeps the indexes true.
    pub(super) fn with_child(&mut self, id: i64, touched: &mut Touched, change: impl FnOnce(&mut Child)) {
        let child = self.children.get_mut(&id).expect("the child is pending");
        self.deadlines.remove(child.retry_at_ns, Due::ChildRetry(id));
        change(child);
        self.deadlines.add(child.retry_at_ns, Due::ChildRetry(id));
        if child.started_event_id == 0 || !child.released || child.close_pending {
            self.busy_children.insert(id);
        } else {
            self.busy_children.remove(&id);
        }
        touched.effects.insert(EffectKey::Child(id));
    }

    pub(super) fn remove_child(&mut self, id: i64, touched: &mut Touched) {
        if let Some(child) = self.children.remove(&id) {
            self.deadlines.remove(child.retry_at_ns, Due::ChildRetry(id));
            self.busy_children.remove(&id);
            touched.effects.insert(EffectKey::Child(id));
        }
    }

    fn release_child(&mut self, id: i64, touched: &mut Touched) {
        if self.closed() {
            return self.remove_child(id, touched);
        }
        if self.children.contains_key(&id) {
            self.with_child(id, touched, |child| {
                child.released = true;
                (child.attempt, child.retry_at_ns) = (0, 0);
            });
        }
    }

    /// An outbound effect waits, or (with no moment given) wants to go out again.
    fn back_off(&mut self, initiated_event_id: i64, attempt: i32, retry_at_ns: i64, touched: &mut Touched) {
        if initiated_event_id == 0 {
            self.deadlines.remove(self.info.notify_retry_at_ns, Due::ParentRetry);
            self.info.notify_attempt = attempt;
            self.info.notify_retry_at_ns = retry_at_ns;
            self.deadlines.add(retry_at_ns, Due::ParentRetry);
            touched.effects.insert(EffectKey::Parent);
        } else if self.children.contains_key(&initiated_event_id) {
            self.with_child(initiated_event_id, touched, |child| {
                child.attempt = attempt;
                child.retry_at_ns = retry_at_ns;
            });
        }
    }

    /// The run's own deadlines, from its first event.
    pub(super) fn start_deadlines(&mut self) {
        let started = self.info.started.clone().unwrap_or_default();
        let start = self.info.start_time_ns;
        let backoff = nanos(started.first_workflow_task_backoff.as_ref());
        if backoff > 0 {
            self.info.first_task_at_ns = start + backoff;
            self.deadlines.add(self.info.first_task_at_ns, Due::FirstTask);
        }
        let run_timeout = nanos(started.workflow_run_timeout.as_ref());
        if run_timeout > 0 {
            self.deadlines.add(start.saturating_add(backoff).saturating_add(run_timeout), Due::RunTimeout);
        }
        if let Some(at) = &started.workflow_execution_expiration_time {
            self.deadlines.add(crate::time::Time::from_proto(at).0, Due::ExecutionTimeout);
        }
    }
}

/// What a waiting event has ended already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Activity(i64),
    Timer(i64),
    Child(i64),
    Cancel,
}

/// What a buffered event ends, so that it is not ended twice while the event waits.
pub(crate) fn buffered_end(event: &HistoryEvent) -> Option<Ended> {
    use Attributes as A;
    Some(match event.attributes.as_ref()? {
        A::ActivityTaskCompletedEventAttributes(a) => Ended::Activity(a.scheduled_event_id),
        A::ActivityTaskFailedEventAttributes(a) => Ended::Activity(a.scheduled_event_id),
        A::ActivityTaskTimedOutEventAttributes(a) => Ended::Activity(a.scheduled_event_id),
        A::ActivityTaskCanceledEventAttributes(a) => Ended::Activity(a.scheduled_event_id),
        A::TimerFiredEventAttributes(a) => Ended::Timer(a.started_event_id),
        A::StartChildWorkflowExecutionFailedEventAttributes(a) => Ended::Child(a.initiated_event_id),
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => Ended::Child(a.initiated_event_id),
        A::ChildWorkflowExecutionFailedEventAttributes(a) => Ended::Child(a.initiated_event_id),
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => Ended::Child(a.initiated_event_id),
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => Ended::Child(a.initiated_event_id),
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => Ended::Child(a.initiated_event_id),
        A::WorkflowExecutionCancelRequestedEventAttributes(_) => Ended::Cancel,
        _ => return None,
    })
}
