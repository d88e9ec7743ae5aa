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
        let output = self.workflows.close_month(input(request)).await.map_err(reason)?;
        let invoice_id = output.invoice_id.parse().map_err(|error| MonthError::Internal {
            problem: format!("workflow named invoice {:?}: {error}", output.invoice_id),
        })?;
        Ok(MonthOutcome { invoice_id, content_hash: output.content_hash })
    }
}

fn input(request: MonthRequest) -> MonthInput {
    MonthInput {
        account_id: request.account_id,
        month: request.month.to_string(),
        force_reason: request.force_reason,
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

    /// Who closes a month joins the workflow that closes it already: both sides name it alike.
    #[test]
    fn a_month_has_one_workflow_id() {
        for (account_id, month) in [("x1y2z", "2026-01"), ("posnf", "2031-12")] {
            let (account_id, month) = (account_id.to_owned(), month.parse().unwrap());
            let request = MonthRequest { account_id, month, force_reason: Some("late".to_owned()) };
            assert_eq!(input(request.clone()).workflow_id(), request.workflow_id());
        }
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
