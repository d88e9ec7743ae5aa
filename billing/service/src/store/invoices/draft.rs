//! A month's draft is replaced until the month's invoice is issued.

use billing_core::invoice::{InvoiceContent, InvoiceStatus};
use futures::FutureExt;
use jiff::Timestamp;

use super::{InvoiceRecord, MAX_ROWS, PAGE_ROWS, load_rows};
use crate::store::columns::DraftColumns;
use crate::store::engine::WriteTransaction;
use crate::store::{Store, StoreError};

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DraftWrite {
    /// It is the month's draft now.
    Written,
    /// The month has an issued invoice already; nothing changed.
    AlreadyIssued(Box<InvoiceRecord>),
}

impl Store {
    /// Makes `content` the month's draft, replacing an earlier one. Repeating it changes nothing.
    pub(crate) async fn write_draft(
        &self,
        content: &InvoiceContent,
        run_id: &str,
        now: Timestamp,
    ) -> Result<DraftWrite, StoreError> {
        for (what, count) in [("lines", content.lines.len()), ("namespaces", content.namespace_costs.len())] {
            if count > MAX_ROWS {
                return Err(StoreError::TooMany { what, count, limit: MAX_ROWS });
            }
        }
        let columns = DraftColumns::of(content, run_id, now)?;
        self.write(content.id.account_id(), |transaction| replace(transaction, content, &columns).boxed())
            .await
    }
}

async fn replace(
    transaction: &mut dyn WriteTransaction,
    content: &InvoiceContent,
    columns: &DraftColumns<'_>,
) -> Result<DraftWrite, StoreError> {
    if let Some(stored) = transaction.header(&content.id).await?
        && stored.status != InvoiceStatus::Draft
    {
        let issued = load_rows(transaction, stored).await?;
        return Ok(DraftWrite::AlreadyIssued(Box::new(issued)));
    }
    transaction.put_draft(columns).await?;
    transaction.clear_draft(&content.id).await?;
    for (page, lines) in (0_i64..).zip(content.lines.chunks(PAGE_ROWS)) {
        transaction.insert_lines(&content.id, page * PAGE_ROWS as i64, lines).await?;
    }
    for (page, costs) in (0_i64..).zip(content.namespace_costs.chunks(PAGE_ROWS)) {
        transaction.insert_namespace_costs(&content.id, page * PAGE_ROWS as i64, costs).await?;
    }
    Ok(DraftWrite::Written)
}
