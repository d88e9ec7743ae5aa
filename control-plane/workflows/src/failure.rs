use std::fmt;

use serde::{Deserialize, Serialize};
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;

/// Why an activity failed, in a form that travels through workflow history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityFailure {
    /// Stable name of the reason, for programs: `NoCapacity`, `Incomplete`.
    pub kind: String,
    /// For people; it becomes an async operation's failure reason.
    pub message: String,
    /// Whether the same call may succeed later. The workflow's retry policy decides how long to try.
    pub retryable: bool,
    /// The reason as its owner's own type, for who waits for the workflow.
    pub details: Option<serde_json::Value>,
}

impl ActivityFailure {
    /// A failure that may go away by itself: something is unreachable.
    pub fn retryable(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), retryable: true, details: None }
    }

    /// A failure that repeating cannot cure.
    pub fn permanent(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), retryable: false, details: None }
    }

    /// Adds the reason as its owner's own type.
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }
}

impl fmt::Display for ActivityFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for ActivityFailure {}

/// The failure as an activity returns it.
pub(crate) fn activity_error(failure: ActivityFailure) -> ActivityError {
    ActivityError::application(application(failure))
}

/// The failure as the SDK carries it: kind as type name, the whole of it as details.
pub(crate) fn application(failure: ActivityFailure) -> ApplicationFailure {
    ApplicationFailure::builder(failure.clone())
        .type_name(failure.kind.clone())
        .non_retryable(!failure.retryable)
        .details(failure)
        .build()
}

/// The reason at the end of a chain of failures, as far as it can be told.
pub(crate) fn from_incoming(error: &temporalio_common::error::IncomingError) -> ActivityFailure {
    use temporalio_common::error::IncomingError;
    match error {
        IncomingError::Application(application) => {
            application.details::<ActivityFailure>().ok().flatten().unwrap_or_else(|| ActivityFailure {
                kind: application.type_name().unwrap_or("Unknown").to_owned(),
                message: application.to_string(),
                retryable: !application.is_non_retryable(),
                details: None,
            })
        }
        // A time-out wraps the last attempt's failure, which says more than that time ran out.
        other => match other.cause() {
            Some(cause) => from_incoming(cause),
            None => ActivityFailure::permanent("Unknown", other.failure().message.clone()),
        },
    }
}
