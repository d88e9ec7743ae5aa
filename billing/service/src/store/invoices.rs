//! Invoices, read. How they are written stands in `invoices/`: a draft is replaced, finalization happens once and books
//! in the same transaction.

mod draft;
mod finalize;
mod issued;

use billing_core::invoice::{InvoiceContent, InvoiceId, InvoiceStatus};
use billing_core::line::InvoiceLine;
use billing_core::month::Month;
use futures::FutureExt;
use jiff::Timestamp;

use super::engine::{Page, Reads};
use super::{Store, StoreError};

pub(crate) use draft::DraftWrite;
pub(crate) use finalize::FinalizeWrite;
pub(crate) use issued::IssuedMonth;

/// Lines, or namespace costs, that one statement reads or writes: a megabyte or two.
pub(super) const PAGE_ROWS: usize = 5_000;

/// Most lines, and most namespace costs, of an invoice: some hundred megabytes in memory.
pub(super) const MAX_ROWS: usize = 1_000_000;

/// An invoice as stored, or as previewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRecord {
    /// What it says. Listings leave lines and namespace costs out.
    pub content: InvoiceContent,
    /// Its state.
    pub status: InvoiceStatus,
    /// Hash of the content, in hexadecimal.
    pub content_hash: String,
    /// The rating run that it was computed from; none for a preview.
    pub run_id: Option<String>,
    /// When it was issued.
    pub finalized_at: Option<Timestamp>,
}

impl Store {
    /// The invoice with its lines, if there is one.
    pub(crate) async fn invoice(&self, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError> {
        self.read(|snapshot| load(snapshot, id).boxed()).await
    }

    /// The invoice without its lines, if there is one.
    pub(crate) async fn invoice_header(&self, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError> {
        self.read(|snapshot| async { snapshot.header(id).await }.boxed()).await
    }

    /// An account's invoices of months before `before`, newest first, without lines.
    pub(crate) async fn invoices(
        &self,
        account_id: &str,
        before: Option<Month>,
        limit: u16,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        self.read(|snapshot| async move { snapshot.headers(account_id, before, limit).await }.boxed()).await
    }
}

/// The invoice with its lines, if there is one.
async fn load(reads: &mut dyn Reads, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError> {
    let Some(header) = reads.header(id).await? else { return Ok(None) };
    load_rows(reads, header).await.map(Some)
}

/// Adds what a header leaves out.
async fn load_rows(reads: &mut dyn Reads, mut record: InvoiceRecord) -> Result<InvoiceRecord, StoreError> {
    record.content.lines = load_lines(reads, &record).await?;
    let (id, currency) = (&record.content.id, record.content.currency);
    let mut costs = Vec::new();
    while let Some(page) = page_behind(costs.len()) {
        costs.extend(reads.namespace_costs(id, currency, page).await?);
        if !is_whole(page, costs.len()) {
            break;
        }
    }
    record.content.namespace_costs = costs;
    Ok(record)
}

/// The lines of an invoice.
async fn load_lines(reads: &mut dyn Reads, header: &InvoiceRecord) -> Result<Vec<InvoiceLine>, StoreError> {
    let (id, currency) = (&header.content.id, header.content.currency);
    let mut lines = Vec::new();
    while let Some(page) = page_behind(lines.len()) {
        lines.extend(reads.lines(id, currency, page).await?);
        if !is_whole(page, lines.len()) {
            break;
        }
    }
    Ok(lines)
}

/// The page behind so many rows; none where there are as many as there can be.
fn page_behind(count: usize) -> Option<Page> {
    let limit = PAGE_ROWS.min(MAX_ROWS.saturating_sub(count));
    (limit > 0).then_some(Page { from: count as i64, limit: limit as i64 })
}

/// Whether a page had all that it may have: more may follow.
fn is_whole(page: Page, count: usize) -> bool {
    count as i64 == page.from + page.limit
}
