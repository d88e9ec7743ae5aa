//! SCHEDULE_ACTIVITY_TASK and REQUEST_CANCEL_ACTIVITY_TASK.

use super::BadCommand;
use super::steps::Steps;
use crate::draft::{Draft, Extras, json_payload};
use crate::retry;
use crate::run::{duration, nanos};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::enums::v1::{EventType, TaskQueueKind, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;

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
    if queue.is_empty() {
        return Err(BadCommand::Refused("missing task queue name".into()));
    }
    let context = format!("ActivityId={id} ActivityType={kind}");
    if id.is_empty() {
        return Err(bad(format_args!("ActivityId is not set on ScheduleActivityTaskCommand. {context}")));
    }
    if kind.is_empty() {
        return Err(bad(format_args!("ActivityType is not set on ScheduleActivityTaskCommand. {context}")));
    }
    if id.len() > steps.limits.id_length || kind.len() > steps.limits.id_length {
        return Err(bad(format_args!("ActivityId or ActivityType exceeds length limit. {context}")));
    }
    let pending = match steps.activities.get(id) {
        Some(known) => known.is_some(),
        None => steps.run.activity_by_id(id).is_some(),
    };
    if pending {
        return Err(BadCommand::FailsTask(
            Cause::ScheduleActivityDuplicateId,
            "ScheduleActivityDuplicateId".into(),
        ));
    }
    let count = steps.pending_activities;
    if count >= steps.limits.pending_activities {
        return Err(BadCommand::FailsTask(
            Cause::PendingActivitiesLimitExceeded,
            format!(
                "PendingActivitiesLimitExceeded: the number of pending activities, {count}, has reached the per-workflow limit of {}",
                steps.limits.pending_activities
            ),
        ));
    }
    retry::check(wanted.retry_policy.as_ref()).map_err(|text| bad(format_args!("{text} {context}")))?;
    let timeouts = timeouts(steps, wanted).map_err(|text| bad(format_args!("{text} {context}")))?;
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
        retry_policy: Some(retry::completed(wanted.retry_policy.as_ref())),
        use_workflow_build_id: wanted.use_workflow_build_id,
        priority: wanted.priority.clone(),
    };
    let attributes = Attributes::ActivityTaskScheduledEventAttributes(scheduled);
    let event_id = draft.event_with(EventType::ActivityTaskScheduled, attributes, extras);
    steps.activities.insert(id.to_owned(), Some(event_id));
    steps.pending_activities += 1;
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
) -> Result<Timeouts, &'static str> {
    let run_timeout = nanos(steps.run.started().workflow_run_timeout.as_ref());
    let within = |timeout: i64, limit: i64| match (timeout, limit) {
        (0, limit) => limit,
        (timeout, 0) => timeout,
        (timeout, limit) => timeout.min(limit),
    };
    let schedule_to_close = nanos(wanted.schedule_to_close_timeout.as_ref());
    let schedule_to_start = nanos(wanted.schedule_to_start_timeout.as_ref());
    let start_to_close = nanos(wanted.start_to_close_timeout.as_ref());
    let heartbeat = nanos(wanted.heartbeat_timeout.as_ref());
    if [schedule_to_close, schedule_to_start, start_to_close, heartbeat].iter().any(|timeout| *timeout < 0) {
        return Err("A valid timeout may not be negative.");
    }
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
        return Err("A valid StartToClose or ScheduleToCloseTimeout is not set on command.");
    };
    if run_timeout > 0 {
        timeouts.schedule_to_start = within(timeouts.schedule_to_start, run_timeout);
        timeouts.start_to_close = within(timeouts.start_to_close, run_timeout);
    }
    timeouts.heartbeat = timeouts.heartbeat.min(timeouts.start_to_close);
    Ok(timeouts)
}

pub(super) fn request_cancel(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::RequestCancelActivityTaskCommandAttributes,
) -> Result<(), BadCommand> {
    let scheduled_event_id = wanted.scheduled_event_id;
    let fresh = steps.activities.values().any(|id| *id == Some(scheduled_event_id));
    let pending = steps.run.activities.get(&scheduled_event_id);
    if !fresh && pending.is_none() {
        return Err(BadCommand::FailsTask(
            Cause::BadRequestCancelActivityAttributes,
            format!(
                "BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event. ScheduledEventID: {scheduled_event_id}"
            ),
        ));
    }
    if !steps.canceled.insert(scheduled_event_id) || pending.is_some_and(|a| a.cancel_requested_event_id != 0)
    {
        return Ok(());
    }
    let requested = history::ActivityTaskCancelRequestedEventAttributes {
        scheduled_event_id,
        workflow_task_completed_event_id: steps.completed_event_id,
    };
    let requested_event_id = draft.event(
        EventType::ActivityTaskCancelRequested,
        Attributes::ActivityTaskCancelRequestedEventAttributes(requested),
    );
    // One whose end waits in the buffer is left to that end.
    let waits = pending.is_none_or(|activity| activity.started_at_ns == 0 && !activity.closing);
    if waits {
        let canceled = history::ActivityTaskCanceledEventAttributes {
            details: Some(json_payload("\"ACTIVITY_ID_NOT_STARTED\"")),
            latest_cancel_requested_event_id: requested_event_id,
            scheduled_event_id,
            identity: steps.identity.to_owned(),
            ..Default::default()
        };
        draft.event(
            EventType::ActivityTaskCanceled,
            Attributes::ActivityTaskCanceledEventAttributes(canceled),
        );
        let id = pending
            .and_then(|activity| activity.scheduled.as_ref())
            .map(|scheduled| scheduled.activity_id.clone())
            .or_else(|| {
                let found = steps.activities.iter().find(|(_, event)| **event == Some(scheduled_event_id));
                found.map(|(id, _)| id.clone())
            });
        if let Some(id) = id {
            steps.activities.insert(id, None);
        }
        steps.pending_activities -= 1;
        steps.wants_task = true;
    }
    Ok(())
}
