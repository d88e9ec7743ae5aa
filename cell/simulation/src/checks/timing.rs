//! When deadlines may fire, by an oracle of its own: from the events alone.

use super::Settled;
use atoll_api::temporal::api::enums::v1::TimeoutType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use std::collections::BTreeMap;

/// Timers and time-outs that came before their time.
pub(super) fn early(run: &Settled) -> Vec<String> {
    let mut broken = Vec::new();
    let mut due: BTreeMap<i64, i128> = BTreeMap::new();
    let mut started: BTreeMap<i64, i128> = BTreeMap::new();
    let mut limits: BTreeMap<i64, i128> = BTreeMap::new();
    for event in &run.events {
        let at = nanos(event);
        match event.attributes.as_ref() {
            Some(Event::TimerStartedEventAttributes(timer)) => {
                due.insert(event.event_id, at + length(timer.start_to_fire_timeout.as_ref()));
            }
            Some(Event::TimerFiredEventAttributes(timer)) => {
                let due = due.get(&timer.started_event_id).copied().unwrap_or(i128::MAX);
                if at < due {
                    broken.push(format!("{}: timer {} fired early", run.workflow_id, timer.timer_id));
                }
            }
            Some(Event::ActivityTaskScheduledEventAttributes(activity)) => {
                limits.insert(event.event_id, length(activity.start_to_close_timeout.as_ref()));
            }
            Some(Event::ActivityTaskStartedEventAttributes(activity)) => {
                started.insert(activity.scheduled_event_id, at);
            }
            Some(Event::ActivityTaskTimedOutEventAttributes(timed_out)) => {
                let is_start_to_close = timed_out.failure.as_ref().is_some_and(|failure| {
                    use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
                    matches!(&failure.failure_info, Some(FailureInfo::TimeoutFailureInfo(info))
                        if info.timeout_type() == TimeoutType::StartToClose)
                });
                let id = timed_out.scheduled_event_id;
                if is_start_to_close
                    && let (Some(from), Some(limit)) = (started.get(&id), limits.get(&id))
                    && at < from + limit
                {
                    let early = from + limit - at;
                    broken.push(format!("{}: activity {id} timed out {early} ns early", run.workflow_id));
                }
            }
            _ => {}
        }
    }
    broken
}

fn nanos(event: &HistoryEvent) -> i128 {
    event.event_time.as_ref().map_or(0, |at| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos))
}

fn length(duration: Option<&prost_types::Duration>) -> i128 {
    duration.map_or(0, |d| i128::from(d.seconds) * 1_000_000_000 + i128::from(d.nanos))
}
