//! Messages between parents and children. Every one may arrive twice.

use super::gone;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::StartChildWorkflowExecutionFailedCause as Cause;
use atoll_internal_api::entity::EntityKey;
use cell_engine::commands::{
    RecordChildReleased, RecordChildStarted, RecordStartChildFailed, ReleaseFirstWorkflowTask,
    RequestCancelWorkflow, Sender, TerminateWorkflow,
};
use cell_engine::{ChildTarget, ParentCloseAction, Rejection, StartChild};
use cell_shard::{ShardError, ShardRuntime, Target};
use std::sync::Arc;
use uuid::Uuid;

/// Why and by whom a child is closed when its parent closes, as the original writes it.
const REASON: &str = "by parent close policy";
const IDENTITY: &str = "history-service";

pub(super) async fn start(
    shards: &ShardRuntime,
    parent: &Target,
    child: StartChild,
) -> Result<(), ShardError> {
    let target = Target::current(parent.namespace_id, Arc::clone(&child.workflow_id));
    let initiated_event_id = child.initiated_event_id;
    if child.workflow_id.len() > shards.longest_id() {
        // There can be no such child at any time, and whoever waits for it must not wait for ever. The original has no
        // cause for that, and this is the only one that workers in every language take.
        return failed(shards, parent, initiated_event_id, Cause::WorkflowAlreadyExists).await;
    }
    match shards.execute(&target, child.start).await {
        Ok(started) => {
            // A parent that closed meanwhile and is still to tell the child so takes this in; one that has nothing to
            // tell any more has told everything.
            gone(
                shards
                    .execute(parent, RecordChildStarted { initiated_event_id, run_id: started.run_id })
                    .await,
            )?;
            Ok(())
        }
        Err(ShardError::Rejected(Rejection::AlreadyStarted { .. })) => {
            failed(shards, parent, initiated_event_id, Cause::WorkflowAlreadyExists).await
        }
        Err(ShardError::UnknownNamespace(_)) => {
            failed(shards, parent, initiated_event_id, Cause::NamespaceNotFound).await
        }
        // Its parent has closed, and it was never started: nobody is told of a cause.
        Err(ShardError::Rejected(Rejection::NotFound(_))) => {
            failed(shards, parent, initiated_event_id, Cause::Unspecified).await
        }
        Err(error) => Err(error),
    }
}

/// The child cannot be started: its parent is told why.
async fn failed(
    shards: &ShardRuntime,
    parent: &Target,
    initiated_event_id: i64,
    cause: Cause,
) -> Result<(), ShardError> {
    gone(shards.execute(parent, RecordStartChildFailed { initiated_event_id, cause }).await)?;
    Ok(())
}

pub(super) async fn release(
    shards: &ShardRuntime,
    parent: &Target,
    child: ChildTarget,
) -> Result<(), ShardError> {
    let target = Target::run(parent.namespace_id, child.workflow_id, child.first_run_id);
    gone(shards.execute(&target, ReleaseFirstWorkflowTask).await)?;
    let initiated_event_id = child.initiated_event_id;
    gone(shards.execute(parent, RecordChildReleased { initiated_event_id }).await)?;
    Ok(())
}

pub(super) async fn close(
    shards: &ShardRuntime,
    parent: &Target,
    entity: &EntityKey,
    child: ChildTarget,
    action: ParentCloseAction,
) -> Result<(), ShardError> {
    // Successors of the child's first run are the same child.
    let target = Target::current(parent.namespace_id, Arc::clone(&child.workflow_id));
    match action {
        ParentCloseAction::Terminate => {
            gone(shards.execute(&target, terminate(child.first_run_id)).await)?;
        }
        ParentCloseAction::RequestCancel => {
            let execution =
                WorkflowExecution { workflow_id: entity.id.to_string(), run_id: entity.run_id.to_string() };
            let request = RequestCancelWorkflow {
                // The original names no cause here.
                reason: String::new(),
                identity: IDENTITY.into(),
                first_execution_run_id: child.first_run_id,
                sender: Some(Sender { execution, ..Default::default() }),
                ..Default::default()
            };
            gone(shards.execute(&target, request).await)?;
            // It has to see the request, also where the parent closed before it could let the child go.
            let first = Target::run(parent.namespace_id, child.workflow_id, child.first_run_id);
            gone(shards.execute(&first, ReleaseFirstWorkflowTask).await)?;
        }
    }
    let initiated_event_id = child.initiated_event_id;
    gone(shards.execute(parent, RecordChildReleased { initiated_event_id }).await)?;
    Ok(())
}

fn terminate(first_execution_run_id: Uuid) -> TerminateWorkflow {
    TerminateWorkflow {
        reason: REASON.into(),
        identity: IDENTITY.into(),
        first_execution_run_id,
        by_policy: true,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_engine::{Command, Origin};

    #[test]
    fn the_end_of_a_child_waits_for_no_memory() {
        assert_eq!(terminate(Uuid::nil()).origin(), Origin::Cell);
    }
}
