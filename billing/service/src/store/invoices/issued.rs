//! Issued months with what was charged for them: what corrections go by.

use billing_core::line::InvoiceLine;
use billing_core::month::Month;
use futures::FutureExt;

use super::{InvoiceRecord, PAGE_ROWS, load_lines};
use crate::store::columns::behind_own_invoice;
use crate::store::engine::Reads;
use crate::store::{Store, StoreError};

/// An issued month as corrections see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuedMonth {
    /// The month.
    pub month: Month,
    /// The run that its invoice was computed from.
    pub run_id: String,
    /// Every line charged for the month so far: its own and corrections on later invoices.
    pub lines: Vec<InvoiceLine>,
}

impl Store {
    /// The account's issued months in `[from, before)`, with every line charged for each so far.
    pub(crate) async fn issued_months(
        &self,
        account_id: &str,
        from: Month,
        before: Month,
    ) -> Result<Vec<IssuedMonth>, StoreError> {
        self.read(|snapshot| months(snapshot, account_id, from, before).boxed()).await
    }
}

/// The account's issued months in `[from, before)`.
pub(super) async fn months(
    reads: &mut dyn Reads,
    account_id: &str,
    from: Month,
    before: Month,
) -> Result<Vec<IssuedMonth>, StoreError> {
    let headers = reads.issued_headers(account_id, from, before).await?;
    let mut months = Vec::with_capacity(headers.len());
    for header in headers {
        months.push(issued_month(reads, account_id, header).await?);
    }
    Ok(months)
}

async fn issued_month(
    reads: &mut dyn Reads,
    account_id: &str,
    header: InvoiceRecord,
) -> Result<IssuedMonth, StoreError> {
    let (month, currency) = (header.content.month, header.content.currency);
    let mut lines = load_lines(reads, &header).await?;
    // The invoice's own corrections of months before it belong to those.
    lines.retain(|line| line.corrects.is_none_or(|corrected| corrected == month));
    let mut behind = behind_own_invoice(month);
    loop {
        let page = reads.correction_lines(account_id, month, currency, behind, PAGE_ROWS as i64).await?;
        let is_last = page.len() < PAGE_ROWS;
        if let Some(last) = page.last() {
            behind = last.place;
        }
        lines.extend(page.into_iter().map(|correction| correction.line));
        if is_last {
            return Ok(IssuedMonth { month, run_id: header.run_id.unwrap_or_default(), lines });
        }
    }
}
