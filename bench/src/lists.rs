//! How late lists are: a run of the load's own is started now and then, and looked for.

use crate::load::Shared;
use atoll_api::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between one run that was found and the next one.
const EVERY: Duration = Duration::from_millis(200);
/// Between two looks for a run.
const LOOK: Duration = Duration::from_millis(20);
/// Deadline of a call.
const CALL: Duration = Duration::from_secs(10);

/// Starts runs that nobody works on, and notes how long after its acknowledgement each is listed, until the load ends.
pub(crate) async fn watch(shared: Arc<Shared>, run_id: String) {
    for index in 0.. {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let workflow_id = format!("listed-{run_id}-{index}");
        let start = wf::StartWorkflowExecutionRequest {
            namespace: shared.config.namespace.clone(),
            workflow_id: workflow_id.clone(),
            workflow_type: Some(WorkflowType { name: "listed".into() }),
            task_queue: Some(TaskQueue { name: "atoll-bench-listed".into(), ..Default::default() }),
            request_id: workflow_id.clone(),
            ..Default::default()
        };
        let Some(_) = shared.insist(0, &rpc::START_WORKFLOW_EXECUTION, &start, CALL).await else { return };
        let acknowledged = Instant::now();
        let list = wf::ListWorkflowExecutionsRequest {
            namespace: shared.config.namespace.clone(),
            query: format!("WorkflowId = '{workflow_id}'"),
            ..Default::default()
        };
        loop {
            let answer = shared.insist(0, &rpc::LIST_WORKFLOW_EXECUTIONS, &list, CALL).await;
            let Some(answer) = answer else { return };
            if !answer.executions.is_empty() {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        shared.listed(acknowledged);
        // It is not to be in memory while the load goes on.
        let end = wf::TerminateWorkflowExecutionRequest {
            namespace: shared.config.namespace.clone(),
            workflow_execution: Some(WorkflowExecution { workflow_id, run_id: String::new() }),
            ..Default::default()
        };
        shared.insist(0, &rpc::TERMINATE_WORKFLOW_EXECUTION, &end, CALL).await;
    }
}
