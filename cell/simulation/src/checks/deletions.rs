//! What is left after retention: nothing.

use super::Settled;
use crate::calls::{Caller, NAMESPACE};
use crate::clients::describe_schedule;
use atoll_api::call::Code;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};

/// After their retention runs are gone, from the cell and from visibility.
pub(crate) async fn deletions(caller: &Caller, settled: &[Settled]) {
    for run in settled {
        match caller.history(&run.workflow_id, &run.run_id).await {
            Err(status) if status.code == Code::NotFound => {}
            other => {
                let what = format!("after its retention {} answers {other:?}", run.workflow_id);
                caller.ledger.lock().broke(what);
            }
        }
    }
    for schedule in &caller.plan.schedules {
        match describe_schedule(caller, schedule).await {
            Err(status) if status.code == Code::NotFound => {}
            other => caller.ledger.lock().broke(format!("deleted {} answers {other:?}", schedule.id)),
        }
    }
    let request =
        wf::CountWorkflowExecutionsRequest { namespace: NAMESPACE.to_owned(), ..Default::default() };
    match caller.insist(rpc::COUNT_WORKFLOW_EXECUTIONS, &request).await {
        Ok(answer) if answer.count == 0 => {}
        other => caller.ledger.lock().broke(format!("visibility after retention: {other:?}")),
    }
}
