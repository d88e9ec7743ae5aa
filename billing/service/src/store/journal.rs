//! The journal: entries are added in the transaction of what they book.

use billing_core::ledger::JournalEntry;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{StoreError, milliseconds, statements};

#[cfg(test)]
mod booked;

/// Adds an entry within the caller's transaction. Booking the same cause twice is an error of the caller and fails.
pub(super) async fn insert_entry(
    connection: &mut SqliteConnection,
    entry: &JournalEntry,
    invoice_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(statements::INSERT_ENTRY)
        .bind(entry.id())
        .bind(entry.account_id())
        .bind(invoice_id)
        .bind(milliseconds(now))
        .execute(&mut *connection)
        .await?;
    for (position, posting) in (0_i64..).zip(entry.postings()) {
        sqlx::query(statements::INSERT_POSTING)
            .bind(entry.id())
            .bind(position)
            .bind(posting.account.to_string())
            .bind(posting.amount.currency.code())
            .bind(posting.amount.nanos.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
