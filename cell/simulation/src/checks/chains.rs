//! Reading the runs of a workflow.

use super::Settled;
use crate::calls::{Caller, NAMESPACE, execution};
use crate::clients::successor;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};

/// The runs of a workflow of this id and of this place in the plan, the first one first.
pub(super) async fn read(
    caller: &Caller,
    workflow: usize,
    workflow_id: &str,
) -> Result<Vec<Settled>, String> {
    let request = wf::DescribeWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(workflow_id, ""),
    };
    let described = caller
        .insist(rpc::DESCRIBE_WORKFLOW_EXECUTION, &request)
        .await
        .map_err(|status| format!("cannot be described: {status:?}"))?;
    let info = described.workflow_execution_info.unwrap_or_default();
    let current = info.execution.unwrap_or_default().run_id;
    let mut next = Some(info.first_run_id);
    let mut chain: Vec<Settled> = Vec::new();
    while let Some(run_id) = next.take() {
        let events = caller
            .history(workflow_id, &run_id)
            .await
            .map_err(|status| format!("the history of {run_id} cannot be read: {status:?}"))?;
        let first = events.first().and_then(|event| event.attributes.as_ref());
        let Some(Event::WorkflowExecutionStartedEventAttributes(started)) = first else {
            return Err(format!("{run_id} begins with {first:?}"));
        };
        let before = chain.last().map_or("", |run| run.run_id.as_str());
        if started.continued_execution_run_id != before {
            return Err(format!("{run_id} names {} before it", started.continued_execution_run_id));
        }
        next = events.last().and_then(successor).map(str::to_owned);
        let run = chain.len();
        chain.push(Settled { workflow, run, workflow_id: workflow_id.to_owned(), run_id, events });
    }
    let last = chain.last().expect("a chain has a first run");
    if last.run_id != current || info.history_length != last.events.len() as i64 {
        let (is, ends) = (last.events.len(), &last.run_id);
        return Err(format!(
            "ends with {is} events of {ends}, described as {} of {current}",
            info.history_length
        ));
    }
    let started = caller.ledger.lock().started.get(workflow_id).cloned().unwrap_or_default();
    if started.iter().any(|started| chain.iter().all(|run| run.run_id != *started)) {
        return Err(format!("acknowledged runs are none of those that are there: {started:?}"));
    }
    Ok(chain)
}
