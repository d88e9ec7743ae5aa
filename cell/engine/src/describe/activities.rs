//! Activities that have not ended.

use crate::retry;
use crate::run::{Run, duration, nanos};
use crate::time::Time;
use atoll_api::temporal::api::activity::v1::ActivityOptions;
use atoll_api::temporal::api::enums::v1::PendingActivityState;
use atoll_api::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::PendingActivityInfo;
use atoll_internal_api::state::v1::Activity;

impl Run {
    pub(crate) fn pending_activity(&self, activity: &Activity) -> PendingActivityInfo {
        let none = Default::default();
        let scheduled = activity.scheduled.as_ref().unwrap_or(&none);
        let started = activity.started_at_ns != 0;
        let state = match (started, activity.cancel_requested_event_id != 0) {
            (_, true) => PendingActivityState::CancelRequested,
            (true, false) => PendingActivityState::Started,
            (false, false) => PendingActivityState::Scheduled,
        };
        let time = |at: i64| (at != 0).then(|| Time(at).to_proto());
        let schedule_to_close = nanos(scheduled.schedule_to_close_timeout.as_ref());
        PendingActivityInfo {
            activity_id: scheduled.activity_id.clone(),
            activity_type: scheduled.activity_type.clone(),
            state: state as i32,
            heartbeat_details: activity.heartbeat_details.clone(),
            last_heartbeat_time: time(activity.heartbeat_at_ns),
            last_started_time: time(activity.started_at_ns),
            attempt: activity.attempt,
            maximum_attempts: scheduled.retry_policy.as_ref().map_or(0, |policy| policy.maximum_attempts),
            scheduled_time: time(if activity.dispatch_at_ns != 0 {
                activity.dispatch_at_ns
            } else {
                activity.scheduled_at_ns
            }),
            expiration_time: (schedule_to_close > 0)
                .then(|| Time(activity.first_scheduled_at_ns).plus(schedule_to_close).to_proto()),
            last_failure: activity.last_failure.clone(),
            last_worker_identity: if started {
                activity.identity.clone()
            } else {
                activity.last_worker_identity.clone()
            },
            current_retry_interval: (state == PendingActivityState::Scheduled)
                .then(|| retry_interval(activity, scheduled)),
            last_attempt_complete_time: time(activity.last_attempt_ended_at_ns),
            next_attempt_schedule_time: time(activity.dispatch_at_ns),
            priority: scheduled.priority.clone(),
            activity_options: Some(options(scheduled)),
            ..Default::default()
        }
    }
}

/// While the attempt waits, how long it does so in all; once it may be taken, the pause that would follow it.
fn retry_interval(
    activity: &Activity,
    scheduled: &ActivityTaskScheduledEventAttributes,
) -> prost_types::Duration {
    let pause = if activity.dispatch_at_ns != 0 {
        activity.dispatch_at_ns.saturating_sub(activity.last_attempt_ended_at_ns)
    } else {
        retry::pause_after(&retry::completed(scheduled.retry_policy.as_ref()), activity.attempt)
    };
    duration(pause)
}

/// What the activity was scheduled with.
fn options(scheduled: &ActivityTaskScheduledEventAttributes) -> ActivityOptions {
    ActivityOptions {
        task_queue: scheduled.task_queue.as_ref().map(|queue| TaskQueue {
            name: queue.name.clone(),
            normal_name: queue.name.clone(),
            ..Default::default()
        }),
        schedule_to_close_timeout: scheduled.schedule_to_close_timeout,
        schedule_to_start_timeout: scheduled.schedule_to_start_timeout,
        start_to_close_timeout: scheduled.start_to_close_timeout,
        heartbeat_timeout: scheduled.heartbeat_timeout,
        retry_policy: scheduled.retry_policy.clone(),
        ..Default::default()
    }
}
