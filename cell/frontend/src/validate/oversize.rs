//! What becomes of answers that are too large to store: the activity or task still ends, with a failure that says why.

use crate::frontend::Frontend;
use atoll_api::call::Status;
use atoll_api::temporal::api::command::v1::Command;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_api::temporal::api::enums::v1::QueryResultType;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure, ServerFailureInfo};
use atoll_api::temporal::api::query::v1::WorkflowQueryResult;
pub(crate) use atoll_internal_api::failure::cut_causes;

/// Message of an activity that fails because its result is too large.
pub(crate) const RESULT: &str = "Complete result exceeds size limit.";
/// ... because the details of its cancellation are.
pub(crate) const CANCEL_DETAILS: &str = "Cancel details exceed size limit.";
/// ... because the details of its heartbeat are.
pub(crate) const HEARTBEAT: &str = "Heartbeat details exceed size limit.";
/// What who asks is told of an answer to a query that is too large.
pub(crate) const ANSWER: &str = "Blob data size exceeds limit.";
/// What a worker is told about a failure that was cut.
const FAILURE: &str = "Failure exceeds size limit.";
/// What a worker is told about a failure whose causes were cut.
const TOO_MANY_CAUSES: &str = "Failure has too many causes.";
/// Bytes of a message and of a stack trace that are kept of a failure that is too large.
const KEPT_BYTES: usize = 1_000;

/// A failure of ours that is not retried.
pub(crate) fn failure(message: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        source: "Server".to_owned(),
        failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: true })),
        ..Failure::default()
    }
}

impl Frontend {
    /// A failure that a start goes on from: without the causes that are too many, and not too large.
    pub(crate) fn settle_failure(&self, failure: &mut Option<Failure>) -> Result<(), Status> {
        cut_causes(failure.as_mut());
        self.check_blob(failure.as_ref())
    }

    /// Cuts what a failed activity brings along; returns what the worker should be told.
    pub(crate) fn fit_activity_failure(
        &self,
        cause: &mut Option<Failure>,
        last_heartbeat: &mut Option<Payloads>,
    ) -> Vec<Failure> {
        let mut told = Vec::new();
        if self.is_too_large(last_heartbeat.as_ref()) {
            *last_heartbeat = None;
            told.push(failure(HEARTBEAT));
        }
        if cut_causes(cause.as_mut()) {
            told.push(failure(TOO_MANY_CAUSES));
        }
        if self.truncate_failure(cause) {
            told.push(failure(FAILURE));
        }
        told
    }

    /// Makes of an answer to a query that is too large a failure that says so, and cuts the failure of others.
    pub(crate) fn fit_query_result(&self, result: &mut WorkflowQueryResult) {
        if self.is_too_large(result.answer.as_ref()) {
            result.answer = None;
            result.set_result_type(QueryResultType::Failed);
            ANSWER.clone_into(&mut result.error_message);
        }
        self.truncate_failure(&mut result.failure);
    }

    /// Cuts a failure that is too large, keeping what retries are decided by; true if it was. Cuts what has too many
    /// causes in any case.
    pub(crate) fn truncate_failure(&self, failure: &mut Option<Failure>) -> bool {
        cut_causes(failure.as_mut());
        if !self.is_too_large(failure.as_ref()) {
            return false;
        }
        if let Some(failure) = failure {
            cut(failure);
        }
        true
    }
}

/// Cuts the causes of failures that a workflow's commands bring along.
pub(crate) fn cut_causes_in(commands: &mut [Command]) {
    for command in commands {
        cut_causes(match &mut command.attributes {
            Some(Attributes::FailWorkflowExecutionCommandAttributes(fail)) => fail.failure.as_mut(),
            Some(Attributes::RecordMarkerCommandAttributes(marker)) => marker.failure.as_mut(),
            Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(next)) => next.failure.as_mut(),
            _ => None,
        });
    }
}

fn cut(failure: &mut Failure) {
    truncate(&mut failure.message);
    truncate(&mut failure.stack_trace);
    truncate(&mut failure.source);
    failure.cause = None;
    failure.encoded_attributes = None;
    let kept = match failure.failure_info.take() {
        Some(FailureInfo::ApplicationFailureInfo(mut info)) => {
            truncate(&mut info.r#type);
            FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: info.r#type,
                non_retryable: info.non_retryable,
                next_retry_delay: info.next_retry_delay,
                ..ApplicationFailureInfo::default()
            })
        }
        _ => FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: false }),
    };
    failure.failure_info = Some(kept);
}

fn truncate(text: &mut String) {
    if text.len() > KEPT_BYTES {
        let end = (0..=KEPT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_failure_keeps_type_and_retry_decision() {
        let info = ApplicationFailureInfo {
            r#type: "Mine".to_owned(),
            non_retryable: true,
            details: Some(Payloads::default()),
            ..ApplicationFailureInfo::default()
        };
        let mut failure = Failure {
            message: "é".repeat(2_000),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
            cause: Some(Box::default()),
            ..Failure::default()
        };
        cut(&mut failure);
        assert_eq!(failure.message, "é".repeat(500));
        assert_eq!(failure.cause, None);
        let Some(FailureInfo::ApplicationFailureInfo(info)) = failure.failure_info else {
            panic!("another kind of failure")
        };
        assert_eq!((&*info.r#type, info.non_retryable, info.details), ("Mine", true, None));
    }
}
