//! The journal.

use async_trait::async_trait;
use billing_core::invoice::InvoiceId;
use billing_core::ledger::JournalEntry;
use jiff::Timestamp;

use super::error::failed;
use super::{SqliteTransaction, statements};
use crate::store::StoreError;
use crate::store::columns::{PostingColumns, entries, milliseconds, posting_count};
use crate::store::engine::{ReadJournal, WriteJournal};
use crate::store::journal::BookedEntry;

#[async_trait]
impl ReadJournal for SqliteTransaction {
    async fn entries(&mut self, id: &InvoiceId) -> Result<Vec<BookedEntry>, StoreError> {
        let select = sqlx::query(statements::SELECT_ENTRIES).bind(id.to_string());
        entries(&select.fetch_all(&mut *self.0).await.map_err(failed)?)
    }
}

#[async_trait]
impl WriteJournal for SqliteTransaction {
    async fn insert_entry(
        &mut self,
        id: &InvoiceId,
        entry: &JournalEntry,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = sqlx::query(statements::INSERT_ENTRY)
            .bind(entry.id())
            .bind(entry.account_id())
            .bind(id.to_string())
            .bind(milliseconds(now))
            .bind(posting_count(entry));
        insert.execute(&mut *self.0).await.map_err(failed)?;
        for posting in PostingColumns::of(entry) {
            let insert = sqlx::query(statements::INSERT_POSTING)
                .bind(entry.id())
                .bind(posting.position)
                .bind(posting.ledger_account)
                .bind(posting.currency)
                .bind(posting.amount_nanos);
            insert.execute(&mut *self.0).await.map_err(failed)?;
        }
        Ok(())
    }
}
