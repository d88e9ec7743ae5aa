//! Closes months by a durable workflow on the system cell.

use async_trait::async_trait;
use billing::month::{MonthError, MonthOutcome, MonthRequest, MonthRunner};
use durable_workflows::{ActivityFailure, MonthInput, StartError, WorkflowClient, WorkflowOutcomeError};

/// Runs the workflow of a month and waits for it.
pub(super) struct DurableMonths {
    workflows: WorkflowClient,
}

impl DurableMonths {
    pub(super) fn new(workflows: WorkflowClient) -> Self {
        Self { workflows }
    }
}

#[async_trait]
impl MonthRunner for DurableMonths {
    async fn run(&self, request: MonthRequest) -> Result<MonthOutcome, MonthError> {
        let input = MonthInput {
            account_id: request.account_id,
            month: request.month.to_string(),
            force_reason: request.force_reason,
        };
        let output = self.workflows.close_month(input).await.map_err(reason)?;
        let invoice_id = output.invoice_id.parse().map_err(|error| MonthError::Internal {
            problem: format!("workflow named invoice {:?}: {error}", output.invoice_id),
        })?;
        Ok(MonthOutcome { invoice_id, content_hash: output.content_hash })
    }
}

/// Billing's own reason where an activity failed with one.
fn reason(error: WorkflowOutcomeError) -> MonthError {
    match error {
        WorkflowOutcomeError::Start(StartError::Unavailable(problem)) => MonthError::Unavailable { problem },
        WorkflowOutcomeError::Start(StartError::Refused(problem)) | WorkflowOutcomeError::Ended(problem) => {
            MonthError::Internal { problem }
        }
        WorkflowOutcomeError::Failed(failure) => own_reason(failure),
    }
}

fn own_reason(failure: ActivityFailure) -> MonthError {
    let own = failure.details.and_then(|details| serde_json::from_value(details).ok());
    own.unwrap_or_else(|| {
        let problem = format!("{}: {}", failure.kind, failure.message);
        if failure.retryable { MonthError::Unavailable { problem } } else { MonthError::Internal { problem } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn billings_own_reason_comes_back_unchanged() {
        let own = MonthError::UnknownAccount { account_id: "x1y2z".to_owned() };
        let failure = ActivityFailure::permanent(own.kind(), own.to_string())
            .with_details(serde_json::to_value(&own).unwrap());
        assert_eq!(reason(WorkflowOutcomeError::Failed(failure)), own);
    }

    #[test]
    fn other_failures_keep_whether_trying_again_helps() {
        let passing = ActivityFailure::retryable("Timeout", "metering is away");
        assert!(reason(WorkflowOutcomeError::Failed(passing)).is_retryable());
        let broken = ActivityFailure::permanent("Panic", "bug");
        assert!(!reason(WorkflowOutcomeError::Failed(broken)).is_retryable());
        let away = StartError::Unavailable("system cell is away".to_owned());
        assert!(reason(away.into()).is_retryable());
    }
}
