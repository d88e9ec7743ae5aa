//! Recounting a whole history by the same table: what a bill must agree with.

use crate::actions::{action_of, scheduling_of};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::usage::v1::ActionType;
use std::collections::{BTreeMap, BTreeSet};

/// Counts by action type.
pub type Totals = BTreeMap<ActionType, u64>;

/// The billable actions that a whole history shows. Delivered retries show as the attempt of the started event that
/// is written at an activity's end; retries of activities that were still pending at the run's end are not in it.
pub fn recount<'a>(events: impl IntoIterator<Item = &'a HistoryEvent>) -> Totals {
    let mut totals = Totals::new();
    let mut marked = BTreeSet::new();
    for event in events {
        if let Some(Attributes::ActivityTaskStartedEventAttributes(started)) = &event.attributes
            && started.attempt > 1
        {
            *totals.entry(ActionType::RetryActivity).or_default() += (started.attempt - 1) as u64;
        }
        if let Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) = &event.attributes {
            let metering = completed.metering_metadata.as_ref();
            let retries = metering.map_or(0, |m| m.nonfirst_local_activity_execution_attempts).min(100);
            if retries > 0 {
                *totals.entry(ActionType::RetryActivityLocal).or_default() += u64::from(retries);
            }
        }
        if let Some((scheduling, count)) = scheduling_of(event) {
            *totals.entry(scheduling).or_default() += count;
        }
        let Some((action, count)) = action_of(event) else { continue };
        if let Some(Attributes::MarkerRecordedEventAttributes(marker)) = &event.attributes
            && !marked.insert(marker.workflow_task_completed_event_id)
        {
            continue;
        }
        *totals.entry(action).or_default() += count;
    }
    totals
}
