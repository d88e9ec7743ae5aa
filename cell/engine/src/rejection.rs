//! Why a command was refused.

use thiserror::Error;
use uuid::Uuid;

/// Why a command was refused. `status.rs` of `cell-node` maps each to a gRPC code and `errordetails` message.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Rejection {
    /// No such workflow, run, task or activity, or it is closed.
    #[error("{0}")]
    NotFound(String),
    /// The workflow id is in use, or its id policy refuses another run.
    #[error("{message}")]
    AlreadyStarted {
        /// What stands in the way, in the original's words.
        message: String,
        /// The run that stands in the way.
        run_id: Uuid,
        /// Its start's request id.
        start_request_id: String,
        /// First run of its chain.
        first_execution_run_id: Uuid,
    },
    /// The request cannot be right in any state.
    #[error("{0}")]
    InvalidArgument(String),
    /// Something that this server does not have, by its name.
    #[error("{0}")]
    Unimplemented(String),
    /// A limit of this run or workflow id.
    #[error("{0}")]
    ResourceExhausted(String),
    /// The caller should repeat the call.
    #[error("{0}")]
    Unavailable(String),
    /// The task was dispatched to somebody else or is void: drop it.
    #[error("{0}")]
    TaskObsolete(String),
}
