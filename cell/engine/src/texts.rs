//! Texts that the original answers with; clients and people compare them.

pub(crate) const COMPLETED: &str = "workflow execution already completed";
pub(crate) const OTHER_CHAIN: &str = "workflow execution not found";
pub(crate) const OTHER_PARENT: &str = "workflow parent does not match";
pub(crate) const TASK_NOT_FOUND: &str = "Workflow task not found.";
pub(crate) const ACTIVITY_GONE: &str =
    "invalid activityID or activity already timed out or invoking workflow is completed";
pub(crate) const NOT_CANCEL_REQUESTED: &str =
    "unable to mark activity as canceled without activity being request canceled first";
/// Identity of what the server does by itself.
pub(crate) const HISTORY_SERVICE: &str = "history-service";

pub(crate) fn no_workflow(workflow_id: &str) -> String {
    format!("workflow not found for ID: {workflow_id}")
}

pub(crate) fn no_run(workflow_id: &str, run_id: uuid::Uuid) -> String {
    format!("workflow execution not found for workflow ID \"{workflow_id}\" and run ID \"{run_id}\"")
}
