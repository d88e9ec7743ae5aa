//! START_TIMER and CANCEL_TIMER.

use super::steps::Steps;
use super::{BadCommand, checks};
use crate::draft::{Draft, Extras};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::duration;

pub(super) fn start(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::StartTimerCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    let bad = |text: &str| {
        BadCommand::FailsTask(Cause::BadStartTimerAttributes, format!("BadStartTimerAttributes: {text}"))
    };
    let id = wanted.timer_id.as_str();
    if id.is_empty() {
        return Err(bad("TimerId is not set on StartTimerCommand."));
    }
    checks::length(steps.limits.id_length, "TimerId", "StartTimerCommand", id, format_args!("TimerId={id}"))
        .map_err(|text| bad(&text))?;
    let start_to_fire_timeout = duration::checked(wanted.start_to_fire_timeout.as_ref()).map_err(|what| {
        bad(&format!("An invalid StartToFireTimeout is set on StartTimerCommand: {what}. TimerId={id}"))
    })?;
    let running = match steps.timers.get(id) {
        Some(known) => known.is_some(),
        // One that has fired, which the workflow has not seen yet, does not hold its id.
        None => steps.run.pending.timers.named(id).is_some_and(|timer| !timer.fired),
    };
    if running {
        let message = format!(
            "StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, TimerID: {id}"
        );
        return Err(BadCommand::FailsTask(Cause::StartTimerDuplicateId, message));
    }
    let started = history::TimerStartedEventAttributes {
        timer_id: id.to_owned(),
        start_to_fire_timeout,
        workflow_task_completed_event_id: steps.completed_event_id,
    };
    let event_id =
        draft.event_with(EventType::TimerStarted, Attributes::TimerStartedEventAttributes(started), extras);
    steps.timers.insert(id.to_owned(), Some(event_id));
    Ok(())
}

pub(super) fn cancel(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::CancelTimerCommandAttributes,
) -> Result<(), BadCommand> {
    let id = wanted.timer_id.as_str();
    let bad = |text: &str| {
        BadCommand::FailsTask(Cause::BadCancelTimerAttributes, format!("BadCancelTimerAttributes: {text}"))
    };
    if id.is_empty() {
        return Err(bad("TimerId is not set on CancelTimerCommand."));
    }
    checks::length(steps.limits.id_length, "TimerId", "CancelTimerCommand", id, format_args!("TimerId={id}"))
        .map_err(|text| bad(&text))?;
    let started_event_id = match steps.timers.get(id) {
        Some(known) => *known,
        None => steps.run.pending.timers.named(id).map(|timer| timer.started_event_id),
    };
    let Some(started_event_id) = started_event_id else {
        return Err(bad(&format!(
            "invalid history builder state for action: add-timer-canceled-event, TimerID: {id}"
        )));
    };
    if steps.run.pending.timers.get(&started_event_id).is_some_and(|timer| timer.fired) {
        // It fired while the worker decided to cancel it: for the workflow it never did.
        steps.dropped_timers.push(started_event_id);
    }
    let canceled = history::TimerCanceledEventAttributes {
        timer_id: id.to_owned(),
        started_event_id,
        workflow_task_completed_event_id: steps.completed_event_id,
        identity: steps.identity.to_owned(),
    };
    draft.event(EventType::TimerCanceled, Attributes::TimerCanceledEventAttributes(canceled));
    steps.timers.insert(id.to_owned(), None);
    Ok(())
}
