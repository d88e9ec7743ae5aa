//! Clients that end workflows: they ask them to cancel, or terminate them.

use super::{is_over, once_more, until, until_started};
use crate::calls::{Caller, NAMESPACE, execution};
use atoll_api::call::Code;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use jiff::Timestamp;

/// Asks the workflow of this index to cancel when the time for it comes, unless that was acknowledged in an earlier
/// life.
pub(crate) async fn cancel(caller: Caller, began: Timestamp, index: usize) {
    let plan = &caller.plan.workflows[index];
    let Some(after) = plan.canceled else { return };
    until(&caller, began, after).await;
    until_started(&caller, plan).await;
    if caller.ledger.lock().canceled.contains_key(&plan.id) {
        return;
    }
    let request = wf::RequestCancelWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(&plan.id, ""),
        identity: "client".to_owned(),
        request_id: format!("cancel {}", plan.id),
        ..Default::default()
    };
    loop {
        if let Err(status) = caller.insist(rpc::REQUEST_CANCEL_WORKFLOW_EXECUTION, &request).await {
            return caller.ledger.lock().broke(format!("cancel of {}: {status:?}", plan.id));
        }
        {
            let mut ledger = caller.ledger.lock();
            ledger.canceled.entry(plan.id.clone()).or_insert(caller.now());
            ledger.count("cancel");
        }
        if !once_more(&caller).await {
            return;
        }
    }
}

/// A client's request to terminate what runs of a workflow id.
pub(super) fn termination(workflow_id: &str) -> wf::TerminateWorkflowExecutionRequest {
    wf::TerminateWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(workflow_id, ""),
        identity: "client".to_owned(),
        ..Default::default()
    }
}

/// Terminates the workflow of this index when the time for it comes, unless that was acknowledged in an earlier life.
pub(crate) async fn terminate(caller: Caller, began: Timestamp, index: usize) {
    let plan = &caller.plan.workflows[index];
    let Some(after) = plan.terminated else { return };
    until(&caller, began, after).await;
    until_started(&caller, plan).await;
    if caller.ledger.lock().terminated.contains(&plan.id) {
        return;
    }
    let request = termination(&plan.id);
    match caller.insist(rpc::TERMINATE_WORKFLOW_EXECUTION, &request).await {
        Ok(_) => {
            let mut ledger = caller.ledger.lock();
            ledger.terminated.insert(plan.id.clone());
            ledger.count("termination");
        }
        // It has ended, by itself or by a termination whose answer was lost.
        Err(status) if is_over(&status, plan) => return,
        Err(status) => return caller.ledger.lock().broke(format!("end of {}: {status:?}", plan.id)),
    }
    if once_more(&caller).await {
        match caller.insist(rpc::TERMINATE_WORKFLOW_EXECUTION, &request).await {
            Err(status) if status.code == Code::NotFound => {}
            other => caller.ledger.lock().broke(format!("another end of {}: {other:?}", plan.id)),
        }
    }
}
