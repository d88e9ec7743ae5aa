//! What is billable, by a table of the simulation's own: of what its workflows do, by their plans.

use super::Settled;
use crate::plan::{Begin, Plan, WorkflowPlan};
use crate::script::{GO, text_of};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_internal_api::usage::v1::ActionType as Action;
use std::collections::BTreeMap;

/// Counts by action.
pub(super) type Totals = BTreeMap<Action, u64>;

/// The actions of all runs and schedules that leave a trace.
pub(super) fn counted(plan: &Plan, settled: &[Settled]) -> Totals {
    let mut totals = Totals::new();
    for run in settled {
        let workflow = &plan.workflows[run.workflow];
        for (action, count) in run.events.iter().flat_map(|event| of(workflow, run, event)) {
            *totals.entry(action).or_default() += count;
        }
    }
    for action in [Action::CreateSchedule, Action::DeleteSchedule] {
        totals.insert(action, plan.schedules.len() as u64);
    }
    totals.retain(|_, count| *count > 0);
    totals
}

/// What an event costs.
fn of(workflow: &WorkflowPlan, run: &Settled, event: &HistoryEvent) -> Vec<(Action, u64)> {
    let action = match event.attributes.as_ref() {
        Some(Event::WorkflowExecutionStartedEventAttributes(_)) => return start(workflow, run),
        Some(Event::ActivityTaskScheduledEventAttributes(_)) => (Action::ScheduleActivity, 1),
        // Its attempts are in no history but by their number.
        Some(Event::ActivityTaskStartedEventAttributes(a)) => (Action::RetryActivity, a.attempt as u64 - 1),
        Some(Event::TimerStartedEventAttributes(_)) => (Action::StartTimer, 1),
        // That it is wanted, and that it is started.
        Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(_)) => {
            (Action::StartChildWorkflow, 2)
        }
        Some(Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)) => {
            (Action::SignalExternalWorkflow, 1)
        }
        Some(Event::WorkflowExecutionContinuedAsNewEventAttributes(_)) => (Action::ContinueAsNewWorkflow, 1),
        Some(Event::WorkflowExecutionSignaledEventAttributes(signal)) => {
            let says = signal.input.as_ref().map(text_of);
            let came_with_start = matches!(workflow.begins, Begin::Signal(_))
                && run.run == 0
                && event.event_id == 2
                && says.as_deref() == Some("0");
            // Another workflow's is paid where it is sent.
            let is_paid = signal.signal_name == GO && !came_with_start;
            return is_paid.then_some((Action::SignalWorkflow, 1)).into_iter().collect();
        }
        _ => return Vec::new(),
    };
    vec![action]
}

/// The beginning of a run.
fn start(workflow: &WorkflowPlan, run: &Settled) -> Vec<(Action, u64)> {
    match (workflow.begins, run.run) {
        (Begin::Parent, 0) => Vec::new(),
        (Begin::Schedule, 0) => vec![(Action::StartWorkflow, 1), (Action::ScheduleWorkflow, 2)],
        (_, 0) => vec![(Action::StartWorkflow, 1)],
        // A run that continues another one is paid by its end; one that tries again is a start.
        _ if workflow.retries > 0 => vec![(Action::StartWorkflow, 1)],
        _ => Vec::new(),
    }
}
