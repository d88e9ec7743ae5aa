//! SCHEDULE_ACTIVITY_TASK and REQUEST_CANCEL_ACTIVITY_TASK.

use super::steps::Steps;
use super::{BadCommand, checks, sizes};
use crate::draft::{Draft, Extras, json_payload};
use crate::retry;
use crate::run::{duration, nanos};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::common::v1::RetryPolicy;
use atoll_api::temporal::api::enums::v1::{EventType, TaskQueueKind, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use prost_types::Duration;

fn bad(text: impl std::fmt::Display) -> BadCommand {
    let message = format!("BadScheduleActivityAttributes: {text}");
    BadCommand::FailsTask(Cause::BadScheduleActivityAttributes, message)
}

pub(super) fn schedule(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::ScheduleActivityTaskCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    let kind = wanted.activity_type.as_ref().map_or("", |kind| kind.name.as_str());
    let id = wanted.activity_id.as_str();
    let queue = wanted.task_queue.as_ref().map_or("", |queue| queue.name.as_str());
    let context = format_args!("ActivityId={id} ActivityType={kind}");
    let retry_policy = check(steps, wanted, id, kind)?;
    let timeouts = timeouts(steps, wanted).map_err(|text| bad(format_args!("{text} {context}")))?;
    room(steps, id)?;
    sizes::check(
        steps.limits.blob,
        Cause::BadScheduleActivityAttributes,
        "ScheduleActivityTaskCommandAttributes.Input",
        wanted.input.as_ref(),
    )?;
    sizes::check(
        steps.limits.blob,
        Cause::BadScheduleActivityAttributes,
        "ScheduleActivityTaskCommandAttributes.Header",
        wanted.header.as_ref(),
    )?;
    let scheduled = history::ActivityTaskScheduledEventAttributes {
        activity_id: id.to_owned(),
        activity_type: wanted.activity_type.clone(),
        task_queue: Some(TaskQueue {
            name: queue.to_owned(),
            kind: TaskQueueKind::Normal as i32,
            normal_name: String::new(),
        }),
        header: wanted.header.clone(),
        input: wanted.input.clone(),
        schedule_to_close_timeout: Some(duration(timeouts.schedule_to_close)),
        schedule_to_start_timeout: Some(duration(timeouts.schedule_to_start)),
        start_to_close_timeout: Some(duration(timeouts.start_to_close)),
        heartbeat_timeout: Some(duration(timeouts.heartbeat)),
        workflow_task_completed_event_id: steps.completed_event_id,
        retry_policy: Some(retry_policy.unwrap_or_else(|| retry::completed(None))),
        use_workflow_build_id: wanted.use_workflow_build_id,
        priority: wanted.priority.clone(),
    };
    let attributes = Attributes::ActivityTaskScheduledEventAttributes(scheduled);
    let event_id = draft.event_with(EventType::ActivityTaskScheduled, attributes, extras);
    steps.activities.by_id.insert(id.to_owned(), Some(event_id));
    steps.activities.scheduled.insert(event_id, id.to_owned());
    Ok(())
}

/// Everything of a new activity but its timeouts; answers its retry policy.
fn check(
    steps: &Steps<'_>,
    wanted: &command::ScheduleActivityTaskCommandAttributes,
    id: &str,
    kind: &str,
) -> Result<Option<RetryPolicy>, BadCommand> {
    let (limit, context) = (steps.limits.id_length, format_args!("ActivityId={id} ActivityType={kind}"));
    checks::task_queue(limit, wanted.task_queue.as_ref()).map_err(|text| {
        BadCommand::Refused(format!("invalid TaskQueue on ScheduleActivityTaskCommand: {text}. {context}"))
    })?;
    if id.is_empty() {
        return Err(bad(format_args!(
            "ActivityId is not set on ScheduleActivityTaskCommand. ActivityType={kind}"
        )));
    }
    if kind.is_empty() {
        return Err(bad(format_args!(
            "ActivityType is not set on ScheduleActivityTaskCommand. ActivityID={id}"
        )));
    }
    let retry_policy = retry::settled(wanted.retry_policy.as_ref()).map_err(|text| {
        // The command's name is misspelled in the original's message as well.
        BadCommand::Refused(format!(
            "invalid ActivityRetryPolicy on SechduleActivityTaskCommand: {text}. {context}"
        ))
    })?;
    let command = "ScheduleActivityTaskCommand";
    checks::length(limit, "ActivityId", command, id, context).map_err(bad)?;
    checks::length(limit, "ActivityType", command, kind, context).map_err(bad)?;
    checks::priority(wanted.priority.as_ref()).map_err(bad)?;
    Ok(retry_policy)
}

/// An id can be used again once its activity has ended, and there is a limit to pending ones.
fn room(steps: &Steps<'_>, id: &str) -> Result<(), BadCommand> {
    let pending = match steps.activities.by_id.get(id) {
        Some(known) => known.is_some(),
        None => steps.run.pending.activities.named(id).is_some_and(|activity| !activity.closing),
    };
    if pending {
        return Err(BadCommand::FailsTask(
            Cause::ScheduleActivityDuplicateId,
            format!(
                "ScheduleActivityDuplicateId: invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: {id}"
            ),
        ));
    }
    let scheduled = steps.run.pending.activities.open() + steps.activities.scheduled.len();
    let count = scheduled - steps.activities.canceled.len();
    if count >= steps.limits.pending_activities {
        return Err(BadCommand::FailsTask(
            Cause::PendingActivitiesLimitExceeded,
            format!(
                "PendingActivitiesLimitExceeded: the number of pending activities, {count}, has reached the per-workflow limit of {}",
                steps.limits.pending_activities
            ),
        ));
    }
    Ok(())
}

struct Timeouts {
    schedule_to_close: i64,
    schedule_to_start: i64,
    start_to_close: i64,
    heartbeat: i64,
}

/// The timeouts as the event shows them: what is not given follows from what is, all within the run's time.
fn timeouts(
    steps: &Steps<'_>,
    wanted: &command::ScheduleActivityTaskCommandAttributes,
) -> Result<Timeouts, String> {
    let run_timeout = nanos(steps.run.started().workflow_run_timeout.as_ref());
    let within = |timeout: i64, limit: i64| match (timeout, limit) {
        (0, limit) => limit,
        (timeout, 0) => timeout,
        (timeout, limit) => timeout.min(limit),
    };
    let given = |name: &str, value: Option<&Duration>| {
        checks::timeout(value)
            .map_err(|what| format!("Invalid {name} for ScheduleActivityTaskCommand: {what}."))
    };
    let schedule_to_close = given("ScheduleToCloseTimeout", wanted.schedule_to_close_timeout.as_ref())?;
    let schedule_to_start = given("ScheduleToStartTimeout", wanted.schedule_to_start_timeout.as_ref())?;
    let start_to_close = given("StartToCloseTimeout", wanted.start_to_close_timeout.as_ref())?;
    let heartbeat = given("HeartbeatTimeout", wanted.heartbeat_timeout.as_ref())?;
    let mut timeouts = if schedule_to_close > 0 {
        Timeouts {
            schedule_to_close: within(schedule_to_close, run_timeout),
            schedule_to_start: within(schedule_to_start, schedule_to_close),
            start_to_close: within(start_to_close, schedule_to_close),
            heartbeat,
        }
    } else if start_to_close > 0 {
        Timeouts {
            schedule_to_close: run_timeout,
            schedule_to_start: within(schedule_to_start, run_timeout),
            start_to_close,
            heartbeat,
        }
    } else {
        return Err(
            "A valid StartToClose or ScheduleToCloseTimeout is not set on ScheduleActivityTaskCommand."
                .to_owned(),
        );
    };
    timeouts.schedule_to_start = within(timeouts.schedule_to_start, run_timeout);
    timeouts.start_to_close = within(timeouts.start_to_close, run_timeout);
    timeouts.heartbeat = timeouts.heartbeat.min(timeouts.start_to_close);
    Ok(timeouts)
}

pub(super) fn request_cancel(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::RequestCancelActivityTaskCommandAttributes,
) -> Result<(), BadCommand> {
    let scheduled_event_id = wanted.scheduled_event_id;
    let bad = |text: &str| {
        let message = format!("BadRequestCancelActivityAttributes: {text}");
        BadCommand::FailsTask(Cause::BadRequestCancelActivityAttributes, message)
    };
    if scheduled_event_id <= 0 {
        return Err(bad("ScheduledEventId is not set on RequestCancelActivityTaskCommand."));
    }
    let state = state(steps, scheduled_event_id).ok_or_else(|| {
        bad(&format!(
            "invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: {scheduled_event_id}"
        ))
    })?;
    let requested = history::ActivityTaskCancelRequestedEventAttributes {
        scheduled_event_id,
        workflow_task_completed_event_id: steps.completed_event_id,
    };
    let requested_event_id = draft.event(
        EventType::ActivityTaskCancelRequested,
        Attributes::ActivityTaskCancelRequestedEventAttributes(requested),
    );
    match state {
        State::Started => {
            steps.activities.asked.insert(scheduled_event_id);
        }
        State::Waiting(id) => {
            cancel_waiting(steps, draft, scheduled_event_id, requested_event_id);
            steps.activities.canceled.insert(scheduled_event_id);
            steps.activities.by_id.insert(id, None);
        }
        State::EndedUnseen => {}
    }
    Ok(())
}

/// An activity that can be asked to cancel.
enum State {
    /// A worker has it.
    Started,
    /// No worker has it. Its id.
    Waiting(String),
    /// It has ended, which the workflow has not seen yet: the request is noted and changes nothing.
    EndedUnseen,
}

/// None where the activity is unknown, or was asked to cancel before.
fn state(steps: &Steps<'_>, scheduled_event_id: i64) -> Option<State> {
    if steps.activities.canceled.contains(&scheduled_event_id) {
        return Some(State::EndedUnseen);
    }
    if let Some(id) = steps.activities.scheduled.get(&scheduled_event_id) {
        return Some(State::Waiting(id.clone()));
    }
    let activity = steps.run.pending.activities.get(&scheduled_event_id)?;
    if activity.closing {
        return Some(State::EndedUnseen);
    }
    if activity.started_at_ns == 0 {
        return activity.scheduled.as_ref().map(|scheduled| State::Waiting(scheduled.activity_id.clone()));
    }
    let asked =
        activity.cancel_requested_event_id != 0 || steps.activities.asked.contains(&scheduled_event_id);
    (!asked).then_some(State::Started)
}

/// Nobody has to be asked: the activity ends here. The workflow sees it with its next task.
fn cancel_waiting(
    steps: &Steps<'_>,
    draft: &mut Draft<'_>,
    scheduled_event_id: i64,
    latest_cancel_requested_event_id: i64,
) {
    let canceled = history::ActivityTaskCanceledEventAttributes {
        details: Some(json_payload("\"ACTIVITY_ID_NOT_STARTED\"")),
        latest_cancel_requested_event_id,
        scheduled_event_id,
        identity: steps.identity.to_owned(),
        ..Default::default()
    };
    draft.outside(EventType::ActivityTaskCanceled, Attributes::ActivityTaskCanceledEventAttributes(canceled));
}
