//! Ending an activity, and retrying one: what workers' answers and timeouts have in common.

use crate::draft::Draft;
use crate::retained_failure::retained;
use crate::retry;
use crate::run::nanos;
use crate::time::Time;
use atoll_api::temporal::api::enums::v1::{EventType, RetryState, TimeoutType};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{Failure, TimeoutFailureInfo};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::Activity;

/// Ends an activity with this event. The started event, which is kept back while attempts may follow each other, is
/// written just before it, with the time of the start. `answered_by` is who answers for an activity that no worker has
/// started.
pub(super) fn end(
    draft: &mut Draft<'_>,
    activity: &Activity,
    kind: EventType,
    attributes: Attributes,
    answered_by: Option<&str>,
) {
    let started_by = if activity.started_at_ns != 0 { Some(activity.identity.as_str()) } else { answered_by };
    if let Some(identity) = started_by {
        let started = history::ActivityTaskStartedEventAttributes {
            scheduled_event_id: activity.scheduled_event_id,
            identity: identity.to_owned(),
            request_id: activity.request_id.clone(),
            attempt: activity.attempt,
            last_failure: activity.last_failure.clone(),
            worker_version: activity.worker_version.clone(),
            ..Default::default()
        };
        let at = if activity.started_at_ns != 0 { Time(activity.started_at_ns) } else { draft.now };
        let attributes = Attributes::ActivityTaskStartedEventAttributes(started);
        draft.outside_at(at, EventType::ActivityTaskStarted, attributes);
    }
    draft.outside(kind, attributes);
    draft.ensure_task();
}

/// Schedules the next attempt after this failure, or says why there is none.
pub(super) fn retry(
    draft: &mut Draft<'_>,
    activity: &Activity,
    failure: Option<&Failure>,
) -> Result<(), RetryState> {
    if activity.cancel_requested_event_id != 0 {
        return Err(RetryState::CancelRequested);
    }
    let scheduled = activity.scheduled.as_ref();
    let policy = scheduled.and_then(|s| s.retry_policy.as_ref()).ok_or(RetryState::RetryPolicyNotSet)?;
    let schedule_to_close = nanos(scheduled.and_then(|s| s.schedule_to_close_timeout.as_ref()));
    let expires_at = if schedule_to_close > 0 {
        activity.first_scheduled_at_ns.saturating_add(schedule_to_close)
    } else {
        0
    };
    let pause = retry::next_pause(policy, failure, activity.attempt, draft.now, expires_at)?;
    draft.change(Kind::ActivityRetryScheduled(log::ActivityRetryScheduled {
        scheduled_event_id: activity.scheduled_event_id,
        attempt: activity.attempt + 1,
        dispatch_at_ns: draft.now.plus(pause).0.max(1),
        last_failure: failure.map(|failure| retained(failure, draft.limits.retained_failure_bytes)),
        last_worker_identity: activity.identity.clone(),
        ended_at_ns: draft.now.0,
    }));
    Ok(())
}

/// The failure that says a time was over.
fn timeout_failure(activity: &Activity, kind: TimeoutType) -> Failure {
    let name = match kind {
        TimeoutType::StartToClose => "StartToClose",
        TimeoutType::ScheduleToStart => "ScheduleToStart",
        TimeoutType::ScheduleToClose => "ScheduleToClose",
        TimeoutType::Heartbeat => "Heartbeat",
        TimeoutType::Unspecified => "Unspecified",
    };
    Failure {
        message: format!("activity {name} timeout"),
        source: "Server".into(),
        cause: activity.last_failure.clone().map(Box::new),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: kind as i32,
            last_heartbeat_details: activity.heartbeat_details.clone(),
        })),
        ..Default::default()
    }
}

/// A time of the activity is over: it is retried, or ends.
pub(super) fn time_out(draft: &mut Draft<'_>, activity: &Activity, kind: TimeoutType) {
    let mut failure = timeout_failure(activity, kind);
    let retry_state = match kind {
        TimeoutType::StartToClose | TimeoutType::Heartbeat => {
            // The attempt's own failure has no cause: earlier ones are the business of the closing event alone.
            let attempt = Failure { cause: None, ..failure.clone() };
            match retry(draft, activity, Some(&attempt)) {
                Ok(()) => return,
                Err(state) => state,
            }
        }
        _ => RetryState::NonRetryableFailure,
    };
    if retry_state == RetryState::Timeout {
        // No time is left for another attempt: the whole activity is out of time.
        failure = timeout_failure(activity, TimeoutType::ScheduleToClose);
    }
    let timed_out = history::ActivityTaskTimedOutEventAttributes {
        failure: Some(failure),
        scheduled_event_id: activity.scheduled_event_id,
        retry_state: retry_state as i32,
        ..Default::default()
    };
    let attributes = Attributes::ActivityTaskTimedOutEventAttributes(timed_out);
    end(draft, activity, EventType::ActivityTaskTimedOut, attributes, None);
}
