//! Clients: each starts its workflow and signals it, and says so in the ledger once the cell has acknowledged it.

use crate::calls::{Caller, NAMESPACE, decode, execution};
use crate::clock::SimulatedClock;
use crate::script::{payloads, proto, queue, workflow_type};
use atoll_api::temporal::api::enums::v1::{EventType, HistoryEventFilterType};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use jiff::Timestamp;
use std::time::Duration;

/// Starts the workflow of this index when its time comes, unless a start was acknowledged in an earlier life.
pub(crate) async fn start(caller: Caller, clock: SimulatedClock, began: Timestamp, index: usize) {
    let plan = &caller.plan.workflows[index];
    let Some(after) = plan.starts_after else { return };
    until(&clock, began, after).await;
    if caller.ledger.lock().started.contains_key(&plan.id) {
        return;
    }
    let request = wf::StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: plan.id.clone(),
        workflow_type: workflow_type(),
        task_queue: queue(),
        input: payloads("input"),
        workflow_task_timeout: proto(Duration::from_secs(10)),
        identity: "client".to_owned(),
        request_id: format!("start {}", plan.id),
        ..Default::default()
    };
    match caller.insist(rpc::START_WORKFLOW_EXECUTION, &request).await {
        Ok(started) => {
            let mut ledger = caller.ledger.lock();
            ledger.start_acknowledged(&plan.id, &started.run_id);
            ledger.count("start");
        }
        Err(status) => caller.ledger.lock().broke(format!("start of {}: {status:?}", plan.id)),
    }
}

/// Sends a signal when its time comes, unless it was acknowledged in an earlier life.
pub(crate) async fn signal(
    caller: Caller,
    clock: SimulatedClock,
    began: Timestamp,
    index: usize,
    number: usize,
) {
    let plan = &caller.plan.workflows[index];
    until(&clock, began, plan.signals[number]).await;
    let known = |caller: &Caller| {
        let ledger = caller.ledger.lock();
        let sent = ledger.signalled.get(&plan.id).is_some_and(|sent| sent.contains(&number));
        (ledger.started.contains_key(&plan.id), sent)
    };
    loop {
        match known(&caller) {
            (_, true) => return,
            (true, false) => break,
            (false, false) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
    let request = wf::SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(&plan.id, ""),
        signal_name: "go".to_owned(),
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
        Err(status) => caller.ledger.lock().broke(format!("signal of {}: {status:?}", plan.id)),
    }
}

/// Waits for the end of a workflow as SDKs do: with long polls for the closing event.
pub(crate) async fn result(caller: Caller, index: usize) {
    let plan = &caller.plan.workflows[index];
    let run_id = loop {
        if let Some(run_id) = caller.ledger.lock().started.get(&plan.id) {
            break run_id.clone();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let mut request = wf::GetWorkflowExecutionHistoryRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(&plan.id, &run_id),
        wait_new_event: true,
        history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
        ..Default::default()
    };
    loop {
        match caller.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY, &request, Duration::from_secs(30)).await {
            Ok(page) => {
                let events = decode(page.history);
                caller.saw(&run_id, &events);
                if events.iter().any(|event| is_close(event.event_type())) {
                    return;
                }
                request.next_page_token = page.next_page_token;
            }
            Err(status) if crate::calls::is_passing(&status) => {
                request.next_page_token = bytes::Bytes::new();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(status) => {
                caller.ledger.lock().broke(format!("result of {}: {status:?}", plan.id));
                return;
            }
        }
    }
}

pub(crate) fn is_close(event: EventType) -> bool {
    matches!(
        event,
        EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionTimedOut
            | EventType::WorkflowExecutionTerminated
            | EventType::WorkflowExecutionCanceled
    )
}

async fn until(clock: &SimulatedClock, began: Timestamp, after: Duration) {
    let passed = clock.truth().duration_since(began);
    let rest = after.saturating_sub(Duration::try_from(passed).unwrap_or(Duration::ZERO));
    tokio::time::sleep(rest).await;
}
