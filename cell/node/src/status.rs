//! How what fails behind a cell's calls looks on the wire.
//!
//! Clients and operators call about an entity ([`status`]): stored bytes that such a call finds damaged are DATA_LOSS.
//! An entity that is kept aside is INTERNAL for its clients; what operators ask of it reads its rows, so they are told
//! DATA_LOSS where these are damaged. A query that no worker answered ([`query_status`]) has met no damage. The control
//! plane, or whoever manages the namespaces of a lone cell, changes what the cell itself holds ([`store_status`],
//! [`visibility_status`]): damage there is INTERNAL.
//!
//! Made elsewhere: DATA_LOSS for history that does not decode (`ports/history.rs`), INTERNAL for a worker's answer to a
//! query that does not (`ports/query.rs`), and the statuses of lists and counts (`visibility.rs` of `cell-frontend`).

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
    match error {
        ShardError::Rejected(rejection) => rejected(rejection, target),
        other => shards_status(other),
    }
}

/// The status of a failed call about no entity by itself.
pub(crate) fn shards_status(error: ShardError) -> Status {
    match error {
        ShardError::Rejected(_) => Status::internal(error.to_string()),
        ShardError::NotOwner(_) => Status::unavailable(error.to_string()),
        ShardError::Overloaded(_) | ShardError::NoMemory => {
            exhausted(error.to_string(), ResourceExhaustedCause::SystemOverloaded)
        }
        ShardError::Quarantined(_) | ShardError::Panicked => Status::internal(error.to_string()),
        ShardError::Store(StoreError::Unavailable(_)) => Status::unavailable(error.to_string()),
        ShardError::Store(StoreError::Full(_)) => {
            exhausted(error.to_string(), ResourceExhaustedCause::PersistenceLimit)
        }
        ShardError::Store(StoreError::Corrupt(_)) => Status::data_loss(error.to_string()),
        ShardError::Store(StoreError::Unsafe(_)) => Status::internal(error.to_string()),
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

/// A task's token that does not decode.
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
