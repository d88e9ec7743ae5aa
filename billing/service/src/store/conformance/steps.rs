//! An engine that stops its caller before a step: there another one may come, or the caller be gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use billing_core::invoice::InvoiceId;
use billing_core::ledger::JournalEntry;
use billing_core::line::InvoiceLine;
use billing_core::money::Currency;
use billing_core::month::Month;
use billing_core::rating::NamespaceCost;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::store::columns::{DraftColumns, RunColumns};
use crate::store::engine::{
    CorrectionLine, Engine, Page, ReadInvoices, ReadJournal, ReadRuns, Snapshot, WriteInvoices, WriteJournal,
    WriteRuns, WriteTransaction,
};
use crate::store::{BookedEntry, DatabaseError, InvoiceRecord, Store, StoreError};

/// A store whose caller is stopped before its step of this number, the first of which is 0.
pub(super) struct Stopping {
    pub(super) store: Store,
    steps: Arc<Steps>,
}

#[derive(Debug)]
struct Steps {
    next: AtomicUsize,
    stop_at: usize,
    reached: Notify,
    go: Notify,
}

impl Steps {
    async fn step(&self) {
        if self.next.fetch_add(1, Ordering::SeqCst) == self.stop_at {
            self.reached.notify_one();
            self.go.notified().await;
        }
    }
}

impl Stopping {
    pub(super) fn before(stop_at: usize, store: &Store) -> Self {
        let (reached, go) = (Notify::new(), Notify::new());
        let steps = Arc::new(Steps { next: AtomicUsize::new(0), stop_at, reached, go });
        let engine = Stepped { engine: Arc::clone(&store.engine), steps: Arc::clone(&steps) };
        Self { store: Store { engine: Arc::new(engine) }, steps }
    }

    /// Waits until the caller has stopped. Answers false where it has ended instead, without as many steps.
    pub(super) async fn reached<T>(&self, caller: &mut JoinHandle<T>) -> bool {
        tokio::select! {
            biased;
            () = self.steps.reached.notified() => true,
            ended = caller => {
                ended.unwrap_or_else(|error| panic!("{error}"));
                false
            }
        }
    }

    /// Lets the caller go on.
    pub(super) fn go(&self) {
        self.steps.go.notify_one();
    }
}

#[derive(Debug)]
struct Stepped {
    engine: Arc<dyn Engine>,
    steps: Arc<Steps>,
}

#[async_trait]
impl Engine for Stepped {
    async fn write(&self, account_id: &str) -> Result<Box<dyn WriteTransaction + '_>, StoreError> {
        self.steps.step().await;
        let inner = self.engine.write(account_id).await?;
        Ok(Box::new(SteppedTransaction { inner, steps: &self.steps }))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot().await
    }

    async fn lost(&self) -> DatabaseError {
        self.engine.lost().await
    }

    async fn close(&self) {
        self.engine.close().await;
    }
}

struct SteppedTransaction<'a> {
    inner: Box<dyn WriteTransaction + 'a>,
    steps: &'a Steps,
}

#[async_trait]
impl WriteTransaction for SteppedTransaction<'_> {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.steps.step().await;
        let committed = self.inner.commit().await;
        self.steps.step().await;
        committed
    }
}

#[async_trait]
impl ReadRuns for SteppedTransaction<'_> {
    async fn run_json(&mut self, run_id: &str) -> Result<Option<String>, StoreError> {
        self.steps.step().await;
        self.inner.run_json(run_id).await
    }

    async fn has_run(&mut self, run_id: &str) -> Result<bool, StoreError> {
        self.steps.step().await;
        self.inner.has_run(run_id).await
    }
}

#[async_trait]
impl WriteRuns for SteppedTransaction<'_> {
    async fn insert_run(&mut self, run: &RunColumns<'_>) -> Result<(), StoreError> {
        self.steps.step().await;
        self.inner.insert_run(run).await
    }
}

#[async_trait]
impl ReadInvoices for SteppedTransaction<'_> {
    async fn header(&mut self, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError> {
        self.steps.step().await;
        self.inner.header(id).await
    }

    async fn headers(
        &mut self,
        account_id: &str,
        before: Option<Month>,
        limit: u16,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        self.steps.step().await;
        self.inner.headers(account_id, before, limit).await
    }

    async fn issued_headers(
        &mut self,
        account_id: &str,
        from: Month,
        before: Month,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        self.steps.step().await;
        self.inner.issued_headers(account_id, from, before).await
    }

    async fn lines(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<InvoiceLine>, StoreError> {
        self.steps.step().await;
        self.inner.lines(id, currency, page).await
    }

    async fn namespace_costs(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<NamespaceCost>, StoreError> {
        self.steps.step().await;
        self.inner.namespace_costs(id, currency, page).await
    }

    async fn correction_lines(
        &mut self,
        account_id: &str,
        corrected: Month,
        currency: Currency,
        behind: (Month, i64),
        limit: i64,
    ) -> Result<Vec<CorrectionLine>, StoreError> {
        self.steps.step().await;
        self.inner.correction_lines(account_id, corrected, currency, behind, limit).await
    }
}

#[async_trait]
impl WriteInvoices for SteppedTransaction<'_> {
    async fn put_draft(&mut self, draft: &DraftColumns<'_>) -> Result<(), StoreError> {
        self.steps.step().await;
        self.inner.put_draft(draft).await
    }

    async fn clear_draft(&mut self, id: &InvoiceId) -> Result<(), StoreError> {
        self.steps.step().await;
        self.inner.clear_draft(id).await
    }

    async fn insert_lines(
        &mut self,
        id: &InvoiceId,
        first: i64,
        lines: &[InvoiceLine],
    ) -> Result<(), StoreError> {
        self.steps.step().await;
        self.inner.insert_lines(id, first, lines).await
    }

    async fn insert_namespace_costs(
        &mut self,
        id: &InvoiceId,
        first: i64,
        costs: &[NamespaceCost],
    ) -> Result<(), StoreError> {
        self.steps.step().await;
        self.inner.insert_namespace_costs(id, first, costs).await
    }

    async fn finalize_draft(&mut self, id: &InvoiceId, now: Timestamp) -> Result<bool, StoreError> {
        self.steps.step().await;
        self.inner.finalize_draft(id, now).await
    }
}

#[async_trait]
impl ReadJournal for SteppedTransaction<'_> {
    async fn entries(&mut self, id: &InvoiceId) -> Result<Vec<BookedEntry>, StoreError> {
        self.steps.step().await;
        self.inner.entries(id).await
    }
}

#[async_trait]
impl WriteJournal for SteppedTransaction<'_> {
    async fn insert_entry(
        &mut self,
        id: &InvoiceId,
        entry: &JournalEntry,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.steps.step().await;
        self.inner.insert_entry(id, entry, now).await
    }
}
