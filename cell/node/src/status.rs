//! How what fails behind a cell's calls looks on the wire: the node's one table.
//!
//! Clients call about a workflow ([`status`], [`query_status`]); the control plane, or whoever manages the namespaces
//! of a lone cell, changes what the cell itself holds ([`store_status`], [`visibility_status`]). The former are
//! told of damage as DATA_LOSS, the latter as INTERNAL.

use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use atoll_api::temporal::api::errordetails::v1::{
    NotFoundFailure, ResourceExhaustedFailure, WorkflowExecutionAlreadyStartedFailure,
    WorkflowNotReadyFailure,
};
use cell_engine::Rejection;
use cell_matching::QueryError;
use cell_shard::{ShardError, Target};
use cell_store::StoreError;
use cell_visibility::VisibilityError;
use uuid::Uuid;

/// The status of a failed call about `target`.
pub(crate) fn status(error: ShardError, target: &Target) -> Status {
    let text = error.to_string();
    match error {
        ShardError::Rejected(rejection) => rejected(rejection, target),
        ShardError::NotOwner(_) => Status::unavailable(text),
        ShardError::Overloaded(_) | ShardError::NoMemory => {
            exhausted(text, ResourceExhaustedCause::SystemOverloaded)
        }
        ShardError::Quarantined(_) | ShardError::Panicked => Status::internal(text),
        ShardError::Store(StoreError::Unavailable(_)) => Status::unavailable(text),
        ShardError::Store(StoreError::Full(_)) => exhausted(text, ResourceExhaustedCause::PersistenceLimit),
        ShardError::Store(StoreError::Corrupt(_)) => Status::data_loss(text),
        ShardError::Store(StoreError::Unsafe(_)) => Status::internal(text),
        ShardError::UnknownNamespace(id) => not_found(format!("Namespace {id} is not found.")),
    }
}

/// The status of a query that no worker answered.
pub(crate) fn query_status(error: QueryError) -> Status {
    let text = error.to_string();
    match error {
        QueryError::NoPoller => Status::failed_precondition(text),
        QueryError::Timeout => Status::deadline_exceeded(text),
        QueryError::TooMany => Status::resource_exhausted(text),
        QueryError::Moved | QueryError::DuplicateId => Status::unavailable(text),
    }
}

/// The status of a change to the cell's own records that its store failed.
pub(crate) fn store_status(error: StoreError) -> Status {
    let text = error.to_string();
    match error {
        StoreError::Unavailable(_) => Status::unavailable(text),
        StoreError::Full(_) => Status::resource_exhausted(text),
        StoreError::Corrupt(_) | StoreError::Unsafe(_) => Status::internal(text),
    }
}

/// The status of a change to what lists show of a namespace that their store failed.
pub(crate) fn visibility_status(error: VisibilityError) -> Status {
    let text = error.to_string();
    match error {
        VisibilityError::Unavailable(_) | VisibilityError::TooSlow(_) => Status::unavailable(text),
        VisibilityError::Refused(_) | VisibilityError::Corrupt(_) => Status::internal(text),
    }
}

/// A namespace polls more task queues than a node keeps for it.
pub(crate) fn too_many_queues() -> Status {
    let text = "the namespace has too many task queues in use".to_owned();
    exhausted(text, ResourceExhaustedCause::ConcurrentLimit)
}

fn rejected(rejection: Rejection, target: &Target) -> Status {
    match rejection {
        Rejection::NotFound(text) => {
            // The engine does not know which run was asked for where there is none.
            let run_id = target.run_id.unwrap_or_default().to_string();
            not_found(text.replace(&Uuid::nil().to_string(), &run_id))
        }
        Rejection::AlreadyStarted { message, run_id, start_request_id, .. } => {
            Status::already_exists(message).with_detail(&WorkflowExecutionAlreadyStartedFailure {
                start_request_id,
                run_id: run_id.to_string(),
                ..Default::default()
            })
        }
        Rejection::InvalidArgument(text) => Status::invalid_argument(text),
        Rejection::Unimplemented(text) => Status::unimplemented(text),
        Rejection::ResourceExhausted(text) => exhausted(text, ResourceExhaustedCause::BusyWorkflow),
        Rejection::Unavailable(text) => Status::unavailable(text),
        Rejection::TaskObsolete(text) => not_found(text),
    }
}

/// A task's token that this cell has not made.
pub(crate) fn bad_task_token() -> Status {
    Status::invalid_argument("Error deserializing task token.")
}

/// NOT_FOUND with the detail that SDKs look for.
pub(crate) fn not_found(text: impl Into<String>) -> Status {
    Status::not_found(text).with_detail(&NotFoundFailure::default())
}

/// The workflow cannot answer queries yet, or any more.
pub(crate) fn not_ready(text: &str) -> Status {
    Status::failed_precondition(text).with_detail(&WorkflowNotReadyFailure {})
}

/// Something of the cell is used up, or of one workflow, which is its namespace's affair.
pub(crate) fn exhausted(text: String, cause: ResourceExhaustedCause) -> Status {
    let scope = match cause {
        ResourceExhaustedCause::BusyWorkflow => ResourceExhaustedScope::Namespace,
        _ => ResourceExhaustedScope::System,
    };
    let detail = ResourceExhaustedFailure { cause: cause as i32, scope: scope as i32 };
    Status::resource_exhausted(text).with_detail(&detail)
}
