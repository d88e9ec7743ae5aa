//! Drafts that are only shown.

use billing_core::invoice::{InvoiceId, InvoiceStatus};
use billing_core::month::Month;

use super::assemble::assemble;
use super::{MonthActivities, MonthError};
use crate::store::InvoiceRecord;

impl MonthActivities {
    /// What the month's invoice would say with the usage up to the last complete hour; the invoice itself once the
    /// month is closed. Changes nothing.
    pub async fn preview(&self, account_id: &str, month: Month) -> Result<InvoiceRecord, MonthError> {
        let terms = self.terms(account_id).await?;
        let id = InvoiceId::new(&terms.account_id, month).map_err(MonthError::unratable)?;
        if let Some(stored) = self.store.invoice(&id).await?
            && stored.status != InvoiceStatus::Draft
        {
            return Ok(stored);
        }
        let content = assemble(&self.preview_run(account_id, month).await?, &self.catalog)?;
        Ok(InvoiceRecord {
            content_hash: content.hash().to_string(),
            content,
            status: InvoiceStatus::Draft,
            run_id: None,
            finalized_at: None,
        })
    }
}
