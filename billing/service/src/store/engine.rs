//! What a database engine gives: transactions that write and hold an account, and snapshots.
//!
//! A trait per aggregate and way: [`ReadRuns`], [`WriteRuns`], [`ReadInvoices`], [`WriteInvoices`], [`ReadJournal`],
//! [`WriteJournal`]. Each method is one statement or a few; none decides anything.

use std::fmt;

use async_trait::async_trait;
use billing_core::invoice::InvoiceId;
use billing_core::ledger::JournalEntry;
use billing_core::line::InvoiceLine;
use billing_core::money::Currency;
use billing_core::month::Month;
use billing_core::rating::NamespaceCost;
use jiff::Timestamp;

use super::columns::{DraftColumns, RunColumns};
use super::journal::BookedEntry;
use super::{DatabaseError, InvoiceRecord, StoreError};

/// A database engine.
#[async_trait]
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    /// A transaction that writes about this account, and that nobody else's transaction about the account runs beside:
    /// what it reads of the account stands until it ends.
    ///
    /// It holds the account and not the account's month, because months meet: two invoices may correct the same earlier
    /// month, and only one of them may charge what came late.
    async fn write(&self, account_id: &str) -> Result<Box<dyn WriteTransaction + '_>, StoreError>;

    /// A view of one moment, that of its first read, of all accounts. It cannot write, and writers do not wait for it.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError>;

    /// Ends when the database is this process's no longer. The process has to end then, at once: nothing that it
    /// acknowledges is kept.
    async fn lost(&self) -> DatabaseError;

    /// Closes every connection; later calls fail.
    async fn close(&self);
}

/// What both kinds of transactions read.
pub(crate) trait Reads: ReadRuns + ReadInvoices + ReadJournal {}

impl<T: ReadRuns + ReadInvoices + ReadJournal> Reads for T {}

/// A view of one moment.
#[async_trait]
pub(crate) trait Snapshot: Reads {
    /// Ends it. Then a failover takes nothing of what was seen. Dropped instead, it costs a connection.
    async fn confirm(self: Box<Self>) -> Result<(), StoreError>;
}

/// A transaction that writes. Dropped, or its process killed, it has changed nothing; dropped, it costs a connection.
#[async_trait]
pub(crate) trait WriteTransaction: Reads + WriteRuns + WriteInvoices + WriteJournal {
    /// Makes it stand, on disk. Then a failover takes neither it nor what was seen. Where this fails it is unknown
    /// whether it stands, unless the error is [`StoreError::Refused`].
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Rating runs.
#[async_trait]
pub(crate) trait ReadRuns: Send {
    /// A run as it was written; none where there is none.
    async fn run_json(&mut self, run_id: &str) -> Result<Option<String>, StoreError>;

    /// Whether there is a run of this id.
    async fn has_run(&mut self, run_id: &str) -> Result<bool, StoreError>;
}

/// Rating runs are added.
#[async_trait]
pub(crate) trait WriteRuns: Send {
    /// Adds one whose id is new.
    async fn insert_run(&mut self, run: &RunColumns<'_>) -> Result<(), StoreError>;
}

/// A page of rows that stand in order of their positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Position of the first.
    pub(crate) from: i64,
    /// Rows at most.
    pub(crate) limit: i64,
}

/// A line that corrects an earlier month, with where it stands.
#[derive(Debug)]
pub(crate) struct CorrectionLine {
    /// The month of the invoice that has it, and its position there.
    pub(crate) place: (Month, i64),
    /// The line.
    pub(crate) line: InvoiceLine,
}

/// Invoices. A header is an invoice without lines and namespace costs.
#[async_trait]
pub(crate) trait ReadInvoices: Send {
    /// The header; none where there is no such invoice.
    async fn header(&mut self, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError>;

    /// Headers of an account's invoices of months before `before`, newest first.
    async fn headers(
        &mut self,
        account_id: &str,
        before: Option<Month>,
        limit: u16,
    ) -> Result<Vec<InvoiceRecord>, StoreError>;

    /// Headers of an account's issued and not voided invoices of months in `[from, before)`, oldest first.
    async fn issued_headers(
        &mut self,
        account_id: &str,
        from: Month,
        before: Month,
    ) -> Result<Vec<InvoiceRecord>, StoreError>;

    /// An invoice's lines, whose amounts are of `currency`.
    async fn lines(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<InvoiceLine>, StoreError>;

    /// An invoice's costs by namespace, whose amounts are of `currency`.
    async fn namespace_costs(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<NamespaceCost>, StoreError>;

    /// Lines of the account's later invoices, issued and not voided, that correct a month; those behind a place, in
    /// the order of their places.
    async fn correction_lines(
        &mut self,
        account_id: &str,
        corrected: Month,
        currency: Currency,
        behind: (Month, i64),
        limit: i64,
    ) -> Result<Vec<CorrectionLine>, StoreError>;
}

/// Drafts are replaced and issued.
#[async_trait]
pub(crate) trait WriteInvoices: Send {
    /// Writes a draft's header, also over an earlier draft's.
    async fn put_draft(&mut self, draft: &DraftColumns<'_>) -> Result<(), StoreError>;

    /// Removes a draft's lines and namespace costs.
    async fn clear_draft(&mut self, id: &InvoiceId) -> Result<(), StoreError>;

    /// Adds lines to a draft, at positions from `first` on.
    async fn insert_lines(
        &mut self,
        id: &InvoiceId,
        first: i64,
        lines: &[InvoiceLine],
    ) -> Result<(), StoreError>;

    /// Adds namespace costs to a draft, at positions from `first` on.
    async fn insert_namespace_costs(
        &mut self,
        id: &InvoiceId,
        first: i64,
        costs: &[NamespaceCost],
    ) -> Result<(), StoreError>;

    /// Makes a draft the issued invoice. Answers whether there was a draft.
    async fn finalize_draft(&mut self, id: &InvoiceId, now: Timestamp) -> Result<bool, StoreError>;
}

/// The journal.
#[async_trait]
pub(crate) trait ReadJournal: Send {
    /// What an invoice has booked, oldest first.
    async fn entries(&mut self, id: &InvoiceId) -> Result<Vec<BookedEntry>, StoreError>;
}

/// The journal grows.
#[async_trait]
pub(crate) trait WriteJournal: Send {
    /// Adds an entry with all its postings. One whose id is taken is refused.
    async fn insert_entry(
        &mut self,
        id: &InvoiceId,
        entry: &JournalEntry,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}
