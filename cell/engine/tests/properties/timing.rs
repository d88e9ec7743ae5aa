//! When a workflow task runs out of time, reckoned from events and logged changes alone: no word of the engine's own
//! index of deadlines is taken for it.

use atoll_api::temporal::api::enums::v1::{TaskQueueKind, TimeoutType};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::RunSnapshot;
use cell_engine::{Run, Time, Transition};
use prost::Message;

/// The workflow task of one run, as far as time goes. Nanoseconds.
#[derive(Default)]
pub(crate) struct TaskClock {
    /// What the worker that has the run cached last asked for.
    sticky_timeout: i64,
    task: Option<Task>,
}

struct Task {
    scheduled_at: i64,
    sticky: bool,
    start_to_close: i64,
    started_at: Option<i64>,
}

/// Why a step was made, as far as time goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing but time has passed.
    Time,
    /// Somebody asked for something.
    Request,
}

impl TaskClock {
    /// When the task runs out of time.
    fn due(&self) -> Option<i64> {
        let task = self.task.as_ref()?;
        match task.started_at {
            Some(started_at) => Some(started_at + task.start_to_close),
            None if task.sticky => Some(task.scheduled_at.saturating_add(self.sticky_timeout.max(0))),
            None => None,
        }
    }

    /// Takes a step of the run; a task that ends for its time alone has had it.
    pub(crate) fn take(&mut self, transition: &Transition, now: Time, cause: Cause) {
        for new in &transition.events {
            self.event(&new.event, cause);
        }
        for change in &transition.changes {
            match change.kind.as_ref().expect("a change") {
                Kind::StickySet(set) => self.sticky_timeout = set.schedule_to_start_timeout_ns,
                Kind::TransientTaskScheduled(task) => {
                    self.task = Some(Task {
                        scheduled_at: task.scheduled_at_ns,
                        sticky: false,
                        start_to_close: task.start_to_close_timeout_ns,
                        started_at: None,
                    });
                }
                Kind::WorkflowTaskStarted(started) => {
                    let task = self.task.as_mut().expect("a started task was scheduled");
                    assert!(task.started_at.is_none_or(|at| at == started.started_at_ns), "one start");
                    task.started_at = Some(started.started_at_ns);
                }
                Kind::WorkflowTaskStartRevoked(_) => {
                    self.task.as_mut().expect("it was started").started_at = None;
                }
                // Where events are written it may have ended for them: too many waited.
                Kind::WorkflowTaskDropped(_) if transition.events.is_empty() => self.ended(now.0, cause),
                Kind::WorkflowTaskDropped(_) => self.task = None,
                _ => {}
            }
        }
    }

    fn event(&mut self, event: &HistoryEvent, cause: Cause) {
        let at = Time::from_proto(event.event_time.as_ref().expect("every event has a time")).0;
        match event.attributes.as_ref().expect("every event has attributes") {
            Attributes::WorkflowTaskScheduledEventAttributes(a) => {
                let timeout = a.start_to_close_timeout.expect("it has one");
                self.task = Some(Task {
                    scheduled_at: at,
                    sticky: a.task_queue.as_ref().is_some_and(|q| q.kind() == TaskQueueKind::Sticky),
                    start_to_close: timeout.seconds * 1_000_000_000 + i64::from(timeout.nanos),
                    started_at: None,
                });
            }
            Attributes::WorkflowTaskStartedEventAttributes(_) => {
                self.task.as_mut().expect("it was scheduled").started_at = Some(at);
            }
            Attributes::WorkflowTaskTimedOutEventAttributes(a) => {
                let started = self.task.as_ref().is_some_and(|task| task.started_at.is_some());
                let kind = if started { TimeoutType::StartToClose } else { TimeoutType::ScheduleToStart };
                assert_eq!(a.timeout_type(), kind, "what the task waited for");
                self.ended(at, cause);
            }
            Attributes::WorkflowTaskCompletedEventAttributes(_)
            | Attributes::WorkflowTaskFailedEventAttributes(_) => self.task = None,
            _ => {}
        }
    }

    fn ended(&mut self, at: i64, cause: Cause) {
        if cause == Cause::Time {
            let due = self.due().expect("what time alone ends has a deadline");
            assert!(at >= due, "{} ns before its time was over", due - at);
        }
        self.task = None;
    }

    /// The run wakes in time for its task, and where it waits for nothing else not before.
    pub(crate) fn check(&mut self, run: &Run) {
        if run.closed() {
            self.task = None;
            return;
        }
        let (due, wake) = (self.due().map(Time), run.wake());
        if let Some(due) = due {
            assert!(wake.is_some_and(|wake| wake <= due), "its task is due at {due:?}, it wakes at {wake:?}");
        }
        if waits_for_its_task_alone(run) {
            assert_eq!(wake, due, "there is nothing else to wake for");
        }
    }
}

fn waits_for_its_task_alone(run: &Run) -> bool {
    let state = RunSnapshot::decode(run.snapshot()).expect("decodes");
    let (info, started) = (state.info.unwrap_or_default(), run.started());
    let none =
        |timeout: Option<&prost_types::Duration>| timeout.is_none_or(|t| t.seconds == 0 && t.nanos == 0);
    state.activities.is_empty()
        && state.timers.is_empty()
        && state.children.is_empty()
        && state.external_signals.is_empty()
        && state.external_cancels.is_empty()
        && info.first_task_at_ns == 0
        && none(started.workflow_run_timeout.as_ref())
        && started.workflow_execution_expiration_time.is_none()
}
