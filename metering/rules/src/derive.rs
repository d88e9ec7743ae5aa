//! The usage entries of one transition.

use crate::actions::{action_of, scheduling_of};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, Actions, StorageClass, StorageDelta, UsageEntry};
use bytes::Bytes;
use std::collections::BTreeMap;
use uuid::Uuid;

/// One transition of one run, before it is applied.
pub struct Step<'a, E> {
    /// Namespace billed.
    pub namespace_id: Uuid,
    /// Shard time, Unix milliseconds.
    pub at_ms: i64,
    /// New events in order.
    pub events: E,
    /// Billable actions that leave no event.
    pub unrecorded: &'a [Actions],
    /// What storage the run held before.
    pub before: StorageBefore,
    /// Encoded length of the new events.
    pub new_event_bytes: u64,
    /// The run is closed after this step.
    pub closes: bool,
}

/// What storage a run held before a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StorageBefore {
    /// History bytes.
    pub billed_bytes: u64,
    /// They are retained, not active.
    pub closed: bool,
}

/// The usage entries of a step: at most one an action type, and what storage changes.
pub fn derive<'e>(step: Step<'_, impl Iterator<Item = &'e HistoryEvent>>) -> Vec<UsageEntry> {
    let mut counts: BTreeMap<i32, u64> = BTreeMap::new();
    let mut marked_task = 0;
    for event in step.events {
        if let Some((scheduling, count)) = scheduling_of(event) {
            *counts.entry(scheduling as i32).or_default() += count;
        }
        let Some((action, count)) = action_of(event) else { continue };
        if let Some(Attributes::MarkerRecordedEventAttributes(marker)) = &event.attributes {
            // All markers of one workflow task are one action.
            if std::mem::replace(&mut marked_task, marker.workflow_task_completed_event_id) == marked_task {
                continue;
            }
        }
        *counts.entry(action as i32).or_default() += count;
    }
    for unrecorded in step.unrecorded {
        *counts.entry(unrecorded.r#type).or_default() += unrecorded.count;
    }
    let namespace_id = Bytes::copy_from_slice(step.namespace_id.as_bytes());
    let entry = |kind| UsageEntry { namespace_id: namespace_id.clone(), at_ms: step.at_ms, kind: Some(kind) };
    let mut entries: Vec<UsageEntry> =
        counts.into_iter().map(|(r#type, count)| entry(Kind::Actions(Actions { r#type, count }))).collect();
    let storage = storage(step.before, step.new_event_bytes, step.closes);
    entries.extend(storage.into_iter().map(|delta| entry(Kind::Storage(delta))));
    entries
}

/// New events of an open run are active; at its close all of its bytes become retained.
fn storage(before: StorageBefore, new: u64, closes: bool) -> Vec<StorageDelta> {
    let delta = |class: StorageClass, bytes: i64| StorageDelta { class: class as i32, bytes };
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let deltas = match (before.closed, closes) {
        (true, _) => vec![delta(StorageClass::Retained, signed(new))],
        (false, false) => vec![delta(StorageClass::Active, signed(new))],
        (false, true) => vec![
            delta(StorageClass::Active, -signed(before.billed_bytes)),
            delta(StorageClass::Retained, signed(before.billed_bytes + new)),
        ],
    };
    deltas.into_iter().filter(|delta| delta.bytes != 0).collect()
}

/// A closed run's bytes leave retained storage at this moment: when its deletion was due, or was carried out if that
/// was earlier.
pub fn retained_removed(namespace_id: Uuid, bytes: u64, at_ms: i64) -> UsageEntry {
    storage_removed(namespace_id, true, bytes, at_ms)
}

/// A run's bytes leave the storage that they are in at this moment, closed or not: an operator deleted it.
pub fn storage_removed(namespace_id: Uuid, closed: bool, bytes: u64, at_ms: i64) -> UsageEntry {
    let class = if closed { StorageClass::Retained } else { StorageClass::Active };
    let delta = StorageDelta { class: class as i32, bytes: -i64::try_from(bytes).unwrap_or(i64::MAX) };
    UsageEntry {
        namespace_id: Bytes::copy_from_slice(namespace_id.as_bytes()),
        at_ms,
        kind: Some(Kind::Storage(delta)),
    }
}

/// One query, which no history shows.
pub fn query(namespace_id: Uuid, at_ms: i64) -> UsageEntry {
    UsageEntry {
        namespace_id: Bytes::copy_from_slice(namespace_id.as_bytes()),
        at_ms,
        kind: Some(Kind::Actions(Actions { r#type: ActionType::QueryWorkflow as i32, count: 1 })),
    }
}
