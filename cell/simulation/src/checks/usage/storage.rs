//! How many bytes were stored for how long, from both sides: by the sizes of histories and the times of their events.

use super::Settled;
use crate::checks::{ended_at, stored_bytes};
use crate::ledger::nanos;
use crate::simulation::RETENTION;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_internal_api::usage::v1::StorageClass;
use std::collections::BTreeMap;

const MS: i128 = 1_000_000;

/// Bytes that came into a class of storage and went out of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Stored {
    bytes: i128,
    /// Bytes times the milliseconds for which they were there, once all of them are gone.
    byte_ms: i128,
}

impl Stored {
    pub(super) fn add(&mut self, at_ms: i64, bytes: i64) {
        self.bytes += i128::from(bytes);
        self.byte_ms -= i128::from(bytes) * i128::from(at_ms);
    }
}

/// What was metered of storage that histories do not show.
pub(super) fn broken(metered: &BTreeMap<StorageClass, Stored>, settled: &[Settled]) -> Vec<String> {
    let (mut least, mut most, mut retained, mut all) = (0, 0, 0, 0);
    for run in settled {
        let end = ended_at(run);
        for (event, latest) in run.events.iter().zip(written(run)) {
            let bytes = i128::from(stored_bytes(event));
            let earliest = nanos(event.event_time.as_ref());
            least += bytes * (end - latest) / MS;
            most += bytes * (end - earliest) / MS;
            retained += bytes * RETENTION.as_millis() as i128;
            all += bytes;
        }
    }
    // Of each moment only the millisecond is metered.
    let rounding = 2 * all;
    let bounds = [
        (StorageClass::Active, least - rounding, most + rounding),
        (StorageClass::Retained, retained - rounding, retained + rounding),
    ];
    let mut broken = Vec::new();
    for (class, least, most) in bounds {
        let Stored { bytes, byte_ms } = metered.get(&class).copied().unwrap_or_default();
        if bytes != 0 {
            broken.push(format!("{bytes} bytes are {class:?} when nothing is stored"));
        } else if !(least..=most).contains(&byte_ms) {
            broken.push(format!(
                "metered {byte_ms} {class:?} byte milliseconds, histories had {least} to {most}"
            ));
        }
    }
    broken
}

/// When the events of a run were written at the latest. Most were when they happened; others carry an earlier time:
/// what came while a workflow task was with its worker is written behind that, and of a further attempt, of a workflow
/// task or an activity, nothing is before its end. A further attempt of a workflow task that times out leaves nothing,
/// and what came meanwhile is written with the next task, or with the end.
fn written(run: &Settled) -> Vec<i128> {
    let at = |event: &HistoryEvent| nanos(event.event_time.as_ref());
    let (mut latest, mut may_be_tried_again) = (0, false);
    let mut written = Vec::new();
    for (index, event) in run.events.iter().enumerate() {
        latest = at(event).max(latest);
        if ends_task(event.event_type()) {
            may_be_tried_again = event.event_type() != EventType::WorkflowTaskCompleted;
        }
        let behind = &run.events[index + 1..];
        let end = match (event.event_type(), event.attributes.as_ref()) {
            (EventType::WorkflowTaskScheduled | EventType::WorkflowTaskStarted, _) => {
                behind.iter().find(|event| ends_task(event.event_type()))
            }
            (_, Some(Event::ActivityTaskStartedEventAttributes(a))) => {
                behind.iter().find(|event| ended_activity(event) == Some(a.scheduled_event_id))
            }
            _ if may_be_tried_again => {
                let scheduled =
                    |event: &&HistoryEvent| event.event_type() == EventType::WorkflowTaskScheduled;
                behind.iter().find(scheduled).or(behind.last())
            }
            _ => None,
        };
        written.push(end.map_or(latest, |end| at(end).max(latest)));
    }
    written
}

fn ends_task(event: EventType) -> bool {
    matches!(
        event,
        EventType::WorkflowTaskCompleted | EventType::WorkflowTaskFailed | EventType::WorkflowTaskTimedOut
    )
}

/// The activity that an event ends, by its scheduled event.
fn ended_activity(event: &HistoryEvent) -> Option<i64> {
    match event.attributes.as_ref()? {
        Event::ActivityTaskCompletedEventAttributes(a) => Some(a.scheduled_event_id),
        Event::ActivityTaskFailedEventAttributes(a) => Some(a.scheduled_event_id),
        Event::ActivityTaskTimedOutEventAttributes(a) => Some(a.scheduled_event_id),
        _ => None,
    }
}
