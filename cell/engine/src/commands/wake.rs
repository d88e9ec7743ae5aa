//! Something may be due: timers, timeouts, retries.

use super::activity_closing;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::{Draft, Extras, Retried, TaskEnd};
use crate::effect::EffectKey;
use crate::family::{View, Workflows};
use crate::notice::{Grace, Woken};
use crate::run::{Due, Run};
use atoll_api::temporal::api::enums::v1::{EventType, RetryState, TimeoutType};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{Failure, TimeoutFailureInfo};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use uuid::Uuid;

/// Does the first thing that is due. The run stays due while more is: the caller wakes it again.
///
/// Timers that are due together fire in one step. Harmless when nothing is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wake {
    /// What workers are given.
    pub grace: Grace,
}

impl From<Woken> for Wake {
    fn from(Woken { grace }: Woken) -> Self {
        Self { grace }
    }
}

impl Command for Wake {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let Some(run) = view.run else { return Decision::unchanged(()) };
        let successor_id = context.ids.next_run_id(context.now);
        let mut draft = Draft::new(run, context);
        let mut due = run.due(context.now, self.grace);
        let Some(first) = due.next() else { return Decision::unchanged(()) };
        if let Due::Timer(id) = first {
            fire(&mut draft, run, id);
            for next in due {
                match next {
                    Due::Timer(id) => fire(&mut draft, run, id),
                    _ => break,
                }
            }
            draft.ensure_task();
        } else {
            one(&mut draft, run, first, successor_id);
        }
        draft.accept(())
    }
}

fn fire(draft: &mut Draft<'_>, run: &Run, started_event_id: i64) {
    let Some(timer) = run.pending.timers.get(&started_event_id) else { return };
    let fired = history::TimerFiredEventAttributes { timer_id: timer.timer_id.clone(), started_event_id };
    draft.outside(EventType::TimerFired, Attributes::TimerFiredEventAttributes(fired));
}

fn one(draft: &mut Draft<'_>, run: &Run, due: Due, successor_id: Uuid) {
    match due {
        Due::ExecutionTimeout => time_out_chain(draft),
        Due::RunTimeout => time_out_run(draft, successor_id),
        Due::FirstTask => draft.schedule_task(),
        Due::Timer(_) => unreachable!("timers fire together"),
        Due::ActivityScheduleToClose(id) => time_out_activity(draft, run, id, TimeoutType::ScheduleToClose),
        Due::ActivityScheduleToStart(id) => time_out_activity(draft, run, id, TimeoutType::ScheduleToStart),
        Due::ActivityStartToClose(id) => time_out_activity(draft, run, id, TimeoutType::StartToClose),
        Due::ActivityHeartbeat(id) => time_out_activity(draft, run, id, TimeoutType::Heartbeat),
        Due::ActivityRetry(id) => draft.change(Kind::ActivityDispatched(log::ActivityDispatched {
            scheduled_event_id: id,
            scheduled_at_ns: draft.now.0,
        })),
        Due::TaskScheduleToStart => {
            draft.task_waited_too_long();
            draft.ensure_task();
        }
        Due::TaskStartToClose => time_out_started_task(draft),
        Due::Retry(kind, id) => send_again(draft, run, EffectKey::Pending(kind, id)),
        Due::ListenerRetry(number) => send_again(draft, run, EffectKey::Listener(number)),
    }
}

/// The back-off of a message is over.
fn send_again(draft: &mut Draft<'_>, run: &Run, message: EffectKey) {
    draft.back_off(message, run.message_attempt(message).unwrap_or_default(), 0);
}

/// The worker did not answer in time: the next attempt follows. Only the first timeout of a row is in history.
pub(super) fn time_out_started_task(draft: &mut Draft<'_>) {
    draft.end_task(TaskEnd::TimedOut);
    draft.ensure_task();
}

fn time_out_activity(draft: &mut Draft<'_>, run: &Run, id: i64, kind: TimeoutType) {
    if let Some(activity) = run.pending.activities.get(&id) {
        activity_closing::time_out(draft, activity, kind);
    }
}

/// The chain's time is over: no attempt follows, whether the workflow is retried or not.
fn time_out_chain(draft: &mut Draft<'_>) {
    close_timed_out(draft, Retried { state: RetryState::Timeout, new_execution_run_id: String::new() });
}

/// The run's time is over: the next attempt follows, if the workflow is retried.
fn time_out_run(draft: &mut Draft<'_>, successor_id: Uuid) {
    let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose as i32, ..Default::default() };
    let failure = Failure {
        message: "workflow timeout".into(),
        source: "Server".into(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
        ..Default::default()
    };
    let last_completion_result = draft.run.started().last_completion_result.clone();
    let retried = draft.retry_run(&failure, last_completion_result, successor_id);
    close_timed_out(draft, retried);
}

fn close_timed_out(draft: &mut Draft<'_>, retried: Retried) {
    let timed_out = history::WorkflowExecutionTimedOutEventAttributes {
        retry_state: retried.state as i32,
        new_execution_run_id: retried.new_execution_run_id,
    };
    draft.close_by_force(
        EventType::WorkflowExecutionTimedOut,
        Attributes::WorkflowExecutionTimedOutEventAttributes(timed_out),
        Extras::default(),
    );
}
