use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use uuid::Uuid;

/// Checks a reference to a workflow and returns the run that it names, if it names one.
pub(crate) fn check(execution: Option<&WorkflowExecution>) -> Result<(&str, Option<Uuid>), Status> {
    let execution = execution.ok_or_else(|| Status::invalid_argument("Execution is not set on request."))?;
    if execution.workflow_id.is_empty() {
        return Err(Status::invalid_argument("WorkflowId is not set on request."));
    }
    let run_id = run_id(&execution.run_id, "Invalid RunId.")?;
    Ok((&execution.workflow_id, run_id))
}

/// Checks the three ids of an activity that is named without a token.
pub(crate) fn check_activity(workflow_id: &str, run: &str, activity_id: &str) -> Result<(), Status> {
    if workflow_id.is_empty() {
        return Err(Status::invalid_argument("WorkflowId is not set on request."));
    }
    if activity_id.is_empty() {
        return Err(Status::invalid_argument("ActivityId is not set on request."));
    }
    run_id(run, "RunId is not valid UUID.").map(|_| ())
}

fn run_id(text: &str, complaint: &str) -> Result<Option<Uuid>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::try_parse(text).map(Some).map_err(|_| Status::invalid_argument(complaint))
}
