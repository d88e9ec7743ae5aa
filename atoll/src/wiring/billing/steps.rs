//! Billing's activities as the workflow of a month calls them.

use async_trait::async_trait;
use billing::month::{
    Draft, DraftRequest, MonthActivities, MonthError, MonthOutcome, MonthRequest, SnapshotOutcome,
};
use durable_workflows::{
    ActivityFailure, BillingMonthActivities, MonthDraft, MonthDraftInput, MonthInput, MonthOutput,
    MonthSnapshot,
};

/// The three steps of a month.
pub(super) struct MonthSteps {
    activities: MonthActivities,
}

impl MonthSteps {
    pub(super) fn new(activities: MonthActivities) -> Self {
        Self { activities }
    }
}

#[async_trait]
impl BillingMonthActivities for MonthSteps {
    async fn check_complete(&self, month: MonthInput) -> Result<MonthSnapshot, ActivityFailure> {
        let request = MonthRequest {
            account_id: month.account_id,
            month: month.month.parse().map_err(|error| malformed("month", &error))?,
            force_reason: month.force_reason,
        };
        let outcome = self.activities.snapshot_usage(&request).await.map_err(failure)?;
        Ok(match outcome {
            SnapshotOutcome::Run { run_id } => MonthSnapshot::Run { run_id },
            SnapshotOutcome::AlreadyClosed(outcome) => MonthSnapshot::AlreadyClosed(output(outcome)),
        })
    }

    async fn rate(&self, run: MonthDraftInput) -> Result<MonthDraft, ActivityFailure> {
        let draft =
            self.activities.write_draft(&DraftRequest { run_id: run.run_id }).await.map_err(failure)?;
        Ok(MonthDraft {
            run_id: draft.run_id,
            invoice_id: draft.invoice_id.to_string(),
            content_hash: draft.content_hash,
        })
    }

    async fn finalize(&self, draft: MonthDraft) -> Result<MonthOutput, ActivityFailure> {
        let draft = Draft {
            run_id: draft.run_id,
            invoice_id: draft.invoice_id.parse().map_err(|error| malformed("invoice", &error))?,
            content_hash: draft.content_hash,
        };
        self.activities.finalize(&draft).await.map(output).map_err(failure)
    }
}

fn output(outcome: MonthOutcome) -> MonthOutput {
    MonthOutput { invoice_id: outcome.invoice_id.to_string(), content_hash: outcome.content_hash }
}

/// The failure with billing's own reason as its details, for who waits for the workflow.
fn failure(error: MonthError) -> ActivityFailure {
    let failure = if error.is_retryable() {
        ActivityFailure::retryable(error.kind(), error.to_string())
    } else {
        ActivityFailure::permanent(error.kind(), error.to_string())
    };
    match serde_json::to_value(&error) {
        Ok(details) => failure.with_details(details),
        Err(_) => failure,
    }
}

fn malformed(what: &str, error: &dyn std::fmt::Display) -> ActivityFailure {
    ActivityFailure::permanent("Malformed", format!("{what}: {error}"))
}
