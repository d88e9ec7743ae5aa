//! A client that starts workflows which nobody works on, and ends them.

use super::ends::termination;
use super::start_once;
use crate::calls::Caller;
use crate::plan::{Begin, WorkflowPlan};
use atoll_api::call::Code;
use atoll_api::temporal::api::workflowservice::v1::workflow_service as rpc;

fn idle(caller: &Caller) -> impl Iterator<Item = &WorkflowPlan> {
    caller.plan.workflows.iter().filter(|workflow| workflow.begins == Begin::Idle)
}

/// Starts all of them.
pub(crate) async fn start_idle(caller: &Caller) {
    for plan in idle(caller) {
        if let Err(status) = start_once(caller, plan).await {
            caller.ledger.lock().broke(format!("start of {}: {status:?}", plan.id));
        }
    }
}

/// Ends all of them.
pub(crate) async fn end_idle(caller: &Caller) {
    for plan in idle(caller) {
        match caller.insist(rpc::TERMINATE_WORKFLOW_EXECUTION, &termination(&plan.id)).await {
            Ok(_) => {}
            // Its answer was lost.
            Err(status) if status.code == Code::NotFound => {}
            Err(status) => caller.ledger.lock().broke(format!("end of {}: {status:?}", plan.id)),
        }
    }
}
