use crate::frontend::Frontend;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use uuid::Uuid;

impl Frontend {
    /// Checks a reference to a workflow and returns the run that it names, if it names one. A shard keeps the ids that
    /// it is asked for in memory, also of workflows that do not exist.
    pub(crate) fn check_execution<'a>(
        &self,
        execution: Option<&'a WorkflowExecution>,
    ) -> Result<(&'a str, Option<Uuid>), Status> {
        let execution =
            execution.ok_or_else(|| Status::invalid_argument("Execution is not set on request."))?;
        self.check_required("WorkflowId", &execution.workflow_id)?;
        let run_id = run_id(&execution.run_id, "Invalid RunId.")?;
        Ok((&execution.workflow_id, run_id))
    }

    /// Checks the three ids of an activity that is named without a token.
    pub(crate) fn check_activity(
        &self,
        workflow_id: &str,
        run: &str,
        activity_id: &str,
    ) -> Result<(), Status> {
        self.check_required("WorkflowId", workflow_id)?;
        self.check_required("ActivityId", activity_id)?;
        run_id(run, "RunId is not valid UUID.").map(|_| ())
    }
}

fn run_id(text: &str, complaint: &str) -> Result<Option<Uuid>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::try_parse(text).map(Some).map_err(|_| Status::invalid_argument(complaint))
}
