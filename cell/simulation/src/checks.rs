//! What must hold at the end of a simulation.

mod answers;
mod attempts;
mod chains;
mod deletions;
mod memory;
mod promises;
mod schedules;
mod timing;
mod usage;
mod visibility;

pub(crate) use answers::pending;
pub(crate) use deletions::deletions;
pub(crate) use memory::{idle_workflows, memory, nothing_is_left};
pub(crate) use usage::usage;

use crate::calls::Caller;
use crate::clients::{describe_schedule, is_close};
use crate::ledger::nanos;
use crate::plan::{Begin, WorkflowPlan};
use crate::simulation::Site;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use prost::Message;
use std::collections::BTreeMap;

/// A run at its end.
pub(crate) struct Settled {
    /// Its workflow's place in the plan.
    pub(crate) workflow: usize,
    /// Its place in the chain.
    pub(crate) run: usize,
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
    pub(crate) events: Vec<HistoryEvent>,
}

/// Reads every history and holds it against the plan, the ledger, the clock and visibility.
pub(crate) async fn histories(site: &Site, caller: &Caller) -> Vec<Settled> {
    let mut settled = Vec::new();
    for (index, workflow) in site.plan.workflows.iter().enumerate() {
        if !matches!(workflow.begins, Begin::Schedule | Begin::Idle) {
            match chains::read(caller, index, &workflow.id).await {
                Ok(chain) => settled.extend(chain),
                Err(why) => caller.ledger.lock().broke(format!("{}: {why}", workflow.id)),
            }
        }
    }
    for schedule in &site.plan.schedules {
        settled.extend(schedules::read(site, caller, schedule).await);
    }
    for run in &settled {
        caller.saw(&run.run_id, &run.events);
        let mut ledger = caller.ledger.lock();
        run.events
            .iter()
            .filter_map(|event| worth_counting(event.event_type()))
            .for_each(|what| ledger.count(what));
    }
    let windows = timing::Windows::of(site);
    let mut broken: Vec<String> = promises::broken(&site.plan, &caller.ledger.lock(), &windows, &settled);
    broken.extend(answers::forgotten_beats(&caller.ledger.lock()));
    broken.extend(windows.broken(&site.plan, &caller.ledger.lock(), &settled));
    broken.extend(attempts::broken(&windows, &site.plan, &caller.ledger.lock(), &settled));
    let lengths: BTreeMap<&str, i64> =
        settled.iter().map(|run| (run.run_id.as_str(), run.events.len() as i64)).collect();
    broken.extend(caller.ledger.lock().vanished(|run_id| lengths.get(run_id).copied().unwrap_or(0)));
    caller.ledger.lock().broken.extend(broken);
    visibility::shows(caller, &settled).await;
    settled
}

/// When a run ended (nanoseconds of the Unix epoch).
pub(crate) fn ended_at(run: &Settled) -> i128 {
    nanos(run.events.last().and_then(|event| event.event_time.as_ref()))
}

/// Bytes of an event in the message that is its history: behind a key of one byte and its length.
pub(crate) fn stored_bytes(event: &HistoryEvent) -> i64 {
    let length = event.encoded_len();
    (1 + prost::length_delimiter_len(length) + length) as i64
}

/// What happened in a history that has to happen in some simulation.
fn worth_counting(event: EventType) -> Option<&'static str> {
    Some(match event {
        EventType::WorkflowExecutionContinuedAsNew => "continued as new",
        EventType::WorkflowExecutionCanceled => "canceled",
        EventType::WorkflowExecutionTimedOut => "timed out",
        EventType::ExternalWorkflowExecutionSignaled => "signaled another workflow",
        EventType::SignalExternalWorkflowExecutionFailed => "could not signal another workflow",
        EventType::ExternalWorkflowExecutionCancelRequested => "canceled another workflow",
        EventType::RequestCancelExternalWorkflowExecutionFailed => "could not cancel another workflow",
        EventType::ChildWorkflowExecutionCompleted => "child completed",
        EventType::ChildWorkflowExecutionFailed => "child failed",
        EventType::TimerFired => "timer fired",
        EventType::WorkflowTaskTimedOut => "workflow task timed out",
        EventType::ActivityTaskTimedOut => "activity timed out",
        _ => return None,
    })
}

/// Describes what did not end, for the trace.
pub(crate) async fn say_what_hangs(caller: &Caller) {
    let alone = |workflow: &&WorkflowPlan| !matches!(workflow.begins, Begin::Schedule | Begin::Idle);
    for workflow in caller.plan.workflows.iter().filter(alone) {
        let Ok(events) = caller.history(&workflow.id, "").await else {
            caller.ledger.lock().broke(format!("{} does not exist", workflow.id));
            continue;
        };
        if !events.iter().any(|event| is_close(event.event_type())) {
            let types: Vec<String> = events.iter().map(|event| format!("{:?}", event.event_type())).collect();
            caller.ledger.lock().broke(format!("{} is at {}", workflow.id, types.join(", ")));
        }
    }
    for schedule in &caller.plan.schedules {
        let info = describe_schedule(caller, schedule).await;
        caller.ledger.lock().broke(format!("{} is at {info:?}", schedule.id));
    }
}
