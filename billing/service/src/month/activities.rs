//! The activities of the billing month.

use std::sync::Arc;

use atoll_rpc::Clock;
use billing_core::invoice::{InvoiceId, InvoiceStatus};
use billing_core::rate_card::Catalog;

use super::assemble::assemble;
use super::{Draft, DraftRequest, MonthError, MonthOutcome, MonthRequest, SnapshotOutcome};
use crate::accounts::AccountSource;
use crate::store::{DraftWrite, FinalizeWrite, InvoiceRecord, IssuedMonth, Store};
use crate::usage_source::UsageSource;

/// The activities of the billing month. Plain async functions with serializable input and output: a workflow's worker
/// registers them, nothing here knows of workflows. Each is idempotent. Errors say by
/// [`MonthError::is_retryable`] whether to try again.
#[derive(Clone)]
pub struct MonthActivities {
    pub(crate) store: Store,
    pub(crate) usage: Arc<dyn UsageSource>,
    pub(crate) accounts: Arc<dyn AccountSource>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) correction_months: u8,
}

impl MonthActivities {
    /// Checks that the month may be closed, and keeps everything that its invoice is computed from as a run. Again, it
    /// keeps another run where usage changed meanwhile, and the same one where it did not.
    pub async fn snapshot_usage(&self, request: &MonthRequest) -> Result<SnapshotOutcome, MonthError> {
        if let Some(outcome) = self.closed(request).await? {
            return Ok(SnapshotOutcome::AlreadyClosed(outcome));
        }
        let run = self.closing_run(request).await?;
        let run_id = self.store.insert_run(&run, self.clock.now()).await?;
        Ok(SnapshotOutcome::Run { run_id })
    }

    /// Rates a kept run and makes the result the month's draft. A month that is closed keeps its invoice.
    pub async fn write_draft(&self, request: &DraftRequest) -> Result<Draft, MonthError> {
        let run_id = request.run_id.clone();
        let run = self.run(&run_id).await?;
        let content = assemble(&run, &self.catalog)?;
        let draft = |record: &InvoiceRecord| Draft {
            run_id: run_id.clone(),
            invoice_id: record.content.id.clone(),
            content_hash: record.content_hash.clone(),
        };
        match self.store.write_draft(&content, &run_id, self.clock.now()).await? {
            DraftWrite::AlreadyIssued(record) => Ok(draft(&record)),
            DraftWrite::Written => {
                Ok(Draft { run_id, content_hash: content.hash().to_string(), invoice_id: content.id })
            }
        }
    }

    /// Issues exactly this draft and books it, in one transaction. Again, it gives the issued invoice. Errors when the
    /// draft was replaced, or a month that it corrects was corrected elsewhere.
    pub async fn finalize(&self, draft: &Draft) -> Result<MonthOutcome, MonthError> {
        let run = self.run(&draft.run_id).await?;
        let corrected: Vec<IssuedMonth> = run
            .earlier
            .into_iter()
            .map(|earlier| IssuedMonth {
                month: earlier.month,
                run_id: earlier.run_id,
                lines: earlier.invoiced,
            })
            .collect();
        let now = self.clock.now();
        match self.store.finalize(&draft.invoice_id, &draft.content_hash, &corrected, now).await? {
            FinalizeWrite::Issued(record) => {
                tracing::info!(invoice = %record.content.id, total = %record.content.total, "invoice finalized");
                Ok(outcome(&record))
            }
            FinalizeWrite::OtherDraft | FinalizeWrite::StaleCorrections => {
                Err(MonthError::Superseded { invoice_id: draft.invoice_id.to_string() })
            }
        }
    }

    /// The month's outcome if it is closed already.
    async fn closed(&self, request: &MonthRequest) -> Result<Option<MonthOutcome>, MonthError> {
        let id = InvoiceId::new(&request.account_id, request.month)
            .map_err(|_| MonthError::UnknownAccount { account_id: request.account_id.clone() })?;
        let stored = self.store.invoice_header(&id).await?;
        Ok(stored.filter(|record| record.status != InvoiceStatus::Draft).map(|record| outcome(&record)))
    }

    async fn run(&self, run_id: &str) -> Result<super::RatingRun, MonthError> {
        let missing = || MonthError::Internal { problem: format!("there is no rating run {run_id}") };
        self.store.run(run_id).await?.ok_or_else(missing)
    }
}

fn outcome(record: &InvoiceRecord) -> MonthOutcome {
    MonthOutcome { invoice_id: record.content.id.clone(), content_hash: record.content_hash.clone() }
}

#[cfg(test)]
mod replicas;
#[cfg(test)]
mod tests;
