//! Clients: each starts its workflow and signals it, and says so in the ledger once the cell has acknowledged it.

mod ends;
mod idle;
mod schedules;

pub(crate) use ends::{cancel, terminate};
pub(crate) use idle::{end_idle, start_idle};
pub(crate) use schedules::{delete as delete_schedule, describe as describe_schedule, schedule};

use crate::calls::{Caller, NAMESPACE, decode, execution, is_passing};
use crate::plan::{Begin, WorkflowPlan};
use crate::script::{GO, TASK_TIMEOUT, nobodys_queue, payloads, proto, queue, retry_policy, workflow_type};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::enums::v1::{EventType, HistoryEventFilterType, WorkflowIdReusePolicy};
use atoll_api::temporal::api::errordetails::v1::WorkflowExecutionAlreadyStartedFailure;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use jiff::Timestamp;
use rand::Rng;
use std::time::Duration;

/// A client that asks once more does so within this.
const SOON: Duration = Duration::from_secs(10);

/// Whether a client asks for the same once more, later.
async fn once_more(caller: &Caller) -> bool {
    if !caller.world.chance(caller.plan.repeats) {
        return false;
    }
    let pause = caller.world.draw(|random| SOON.mul_f64(random.random_range(0.0..1.0)));
    tokio::time::sleep(pause).await;
    caller.ledger.lock().count("asked once more");
    true
}

/// Starts the workflow of this index when its time comes, unless a start was acknowledged in an earlier life.
pub(crate) async fn start(caller: Caller, began: Timestamp, index: usize) {
    let plan = &caller.plan.workflows[index];
    let (Begin::Start(after) | Begin::Signal(after)) = plan.begins else { return };
    until(&caller, began, after).await;
    if caller.ledger.lock().started.contains_key(&plan.id) {
        return;
    }
    if let Err(status) = start_once(&caller, plan).await {
        return caller.ledger.lock().broke(format!("start of {}: {status:?}", plan.id));
    }
    if once_more(&caller).await
        && let Err(status) = start_once(&caller, plan).await
    {
        caller.ledger.lock().broke(format!("another start of {}: {status:?}", plan.id));
    }
}

async fn start_once(caller: &Caller, plan: &WorkflowPlan) -> Result<(), Status> {
    let with_signal = matches!(plan.begins, Begin::Signal(_));
    let started = if with_signal {
        let answer = caller.insist(rpc::SIGNAL_WITH_START_WORKFLOW_EXECUTION, &signal_with_start(plan)).await;
        answer.map(|answer| answer.run_id)
    } else {
        caller.insist(rpc::START_WORKFLOW_EXECUTION, &start_of(plan)).await.map(|answer| answer.run_id)
    };
    match started {
        Ok(run_id) => {
            let mut ledger = caller.ledger.lock();
            ledger.start_acknowledged(&plan.id, &run_id, with_signal);
            if with_signal {
                ledger.signalled.entry(plan.id.clone()).or_default().push(0);
            }
            ledger.count(if with_signal { "signal with start" } else { "start" });
            Ok(())
        }
        // A start whose answer was lost is told so once its chain has gone on: nobody else starts this workflow.
        Err(status) => match later_run(&status, plan) {
            Some(run_id) => {
                caller.ledger.lock().start_acknowledged(&plan.id, &run_id, true);
                Ok(())
            }
            None => Err(status),
        },
    }
}

/// The later run of a chain that stands against a start. The first one is no reason to refuse it: it has its request
/// id.
fn later_run(status: &Status, plan: &WorkflowPlan) -> Option<String> {
    let there: Option<WorkflowExecutionAlreadyStartedFailure> = status.detail();
    let is_first = |there: &WorkflowExecutionAlreadyStartedFailure| there.start_request_id == start_id(plan);
    there.filter(|there| status.code == Code::AlreadyExists && !is_first(there)).map(|there| there.run_id)
}

/// The request id of its start.
fn start_id(plan: &WorkflowPlan) -> String {
    format!("start {}", plan.id)
}

fn start_of(plan: &WorkflowPlan) -> wf::StartWorkflowExecutionRequest {
    wf::StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: plan.id.clone(),
        workflow_type: workflow_type(),
        task_queue: if plan.begins == Begin::Idle { nobodys_queue() } else { queue() },
        input: payloads(&format!("0:{}", " ".repeat(plan.input_bytes))),
        workflow_run_timeout: plan.expires_after.and_then(proto),
        retry_policy: (plan.retries > 0).then(retry_policy),
        workflow_task_timeout: proto(TASK_TIMEOUT),
        identity: "client".to_owned(),
        request_id: start_id(plan),
        workflow_id_reuse_policy: WorkflowIdReusePolicy::RejectDuplicate as i32,
        ..Default::default()
    }
}

fn signal_with_start(plan: &WorkflowPlan) -> wf::SignalWithStartWorkflowExecutionRequest {
    wf::SignalWithStartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: plan.id.clone(),
        workflow_type: workflow_type(),
        task_queue: queue(),
        input: payloads("0:"),
        workflow_task_timeout: proto(TASK_TIMEOUT),
        identity: "client".to_owned(),
        request_id: start_id(plan),
        workflow_id_reuse_policy: WorkflowIdReusePolicy::RejectDuplicate as i32,
        signal_name: GO.to_owned(),
        signal_input: payloads("0"),
        ..Default::default()
    }
}

/// Sends a signal when its time comes, unless it was acknowledged in an earlier life.
pub(crate) async fn signal(caller: Caller, began: Timestamp, index: usize, number: usize) {
    let plan = &caller.plan.workflows[index];
    if number == 0 && matches!(plan.begins, Begin::Signal(_)) {
        // It comes with the start.
        return;
    }
    until(&caller, began, plan.signals[number]).await;
    until_started(&caller, plan).await;
    let is_sent = caller.ledger.lock().signalled.get(&plan.id).is_some_and(|sent| sent.contains(&number));
    if is_sent {
        return;
    }
    let request = wf::SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(&plan.id, ""),
        signal_name: GO.to_owned(),
        input: payloads(&number.to_string()),
        identity: "client".to_owned(),
        request_id: format!("signal {number} of {}", plan.id),
        ..Default::default()
    };
    match caller.insist(rpc::SIGNAL_WORKFLOW_EXECUTION, &request).await {
        Ok(_) => {
            let mut ledger = caller.ledger.lock();
            ledger.signalled.entry(plan.id.clone()).or_default().push(number);
            ledger.count("signal");
        }
        Err(status) if is_over(&status, plan) => return,
        Err(status) => return caller.ledger.lock().broke(format!("signal of {}: {status:?}", plan.id)),
    }
    if once_more(&caller).await {
        match caller.insist(rpc::SIGNAL_WORKFLOW_EXECUTION, &request).await {
            Ok(_) => {}
            // The run that has it is not the last one of its chain, and that has ended.
            Err(status) if status.code == Code::NotFound && plan.chain() > 1 => {}
            Err(status) => caller.ledger.lock().broke(format!("another signal of {}: {status:?}", plan.id)),
        }
    }
}

/// Whether a workflow may have been terminated before somebody else reached it.
fn is_over(status: &Status, plan: &WorkflowPlan) -> bool {
    status.code == Code::NotFound && plan.terminated.is_some()
}

/// Waits until the start of a workflow was acknowledged.
async fn until_started(caller: &Caller, plan: &WorkflowPlan) {
    while !caller.ledger.lock().started.contains_key(&plan.id) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Waits for the end of a workflow as SDKs do: with long polls for the closing event, along its chain of runs.
pub(crate) async fn result(caller: Caller, index: usize) {
    let plan = &caller.plan.workflows[index];
    until_started(&caller, plan).await;
    let mut run_id = caller.ledger.lock().started[&plan.id][0].clone();
    loop {
        let Some(close) = closing_event(&caller, &plan.id, &run_id).await else { return };
        match successor(&close) {
            Some(next) => next.clone_into(&mut run_id),
            None => return,
        }
    }
}

/// The event that closes a run, once it stands; none where the cell refuses to say.
async fn closing_event(caller: &Caller, workflow_id: &str, run_id: &str) -> Option<HistoryEvent> {
    let mut request = wf::GetWorkflowExecutionHistoryRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(workflow_id, run_id),
        wait_new_event: true,
        history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
        ..Default::default()
    };
    loop {
        match caller.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY, &request, Duration::from_secs(30)).await {
            Ok(page) => {
                let events = decode(page.history);
                if !looks_otherwise(caller, workflow_id) {
                    caller.saw(run_id, &events);
                }
                let close = events.into_iter().find(|event| is_close(event.event_type()));
                if close.is_some() {
                    caller.ledger.lock().count("result");
                    return close;
                }
                request.next_page_token = page.next_page_token;
            }
            Err(status) if is_passing(&status) => {
                request.next_page_token = bytes::Bytes::new();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(status) => {
                caller.ledger.lock().broke(format!("result of {workflow_id}: {status:?}"));
                return None;
            }
        }
    }
}

/// Whether the closing event alone is not the one of the history: a run that is tried again looks continued then, as in
/// the original, so that clients which know no retries follow it.
fn looks_otherwise(caller: &Caller, workflow_id: &str) -> bool {
    caller.plan.workflow(workflow_id).is_some_and(|plan| plan.retries > 0)
}

/// The run that follows one which this event closes.
pub(crate) fn successor(close: &HistoryEvent) -> Option<&str> {
    match close.attributes.as_ref()? {
        Event::WorkflowExecutionContinuedAsNewEventAttributes(a) => Some(a.new_execution_run_id.as_str()),
        Event::WorkflowExecutionFailedEventAttributes(a) => Some(a.new_execution_run_id.as_str()),
        _ => None,
    }
    .filter(|run_id| !run_id.is_empty())
}

pub(crate) fn is_close(event: EventType) -> bool {
    matches!(
        event,
        EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionTimedOut
            | EventType::WorkflowExecutionTerminated
            | EventType::WorkflowExecutionCanceled
            | EventType::WorkflowExecutionContinuedAsNew
    )
}

async fn until(caller: &Caller, began: Timestamp, after: Duration) {
    let passed = caller.clock.truth().duration_since(began);
    let rest = after.saturating_sub(Duration::try_from(passed).unwrap_or(Duration::ZERO));
    tokio::time::sleep(rest).await;
}
