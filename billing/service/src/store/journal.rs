//! The journal: entries are added in the transaction of what they book.

use billing_core::ledger::JournalEntry;
use billing_core::money::{Currency, Money};
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::read::parsed;
use super::{Store, StoreError, milliseconds, statements};

/// A posting as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedPosting {
    /// The entry.
    pub entry_id: String,
    /// The ledger account (`receivable`, `revenue:actions`).
    pub ledger_account: String,
    /// Debit when positive, credit when negative.
    pub amount: Money,
}

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

impl Store {
    /// Everything booked for an account, oldest first.
    pub async fn postings(&self, account_id: &str) -> Result<Vec<BookedPosting>, StoreError> {
        let rows = sqlx::query(statements::SELECT_POSTINGS).bind(account_id).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let currency: Currency = parsed(row, "currency")?;
                Ok(BookedPosting {
                    entry_id: row.try_get("entry_id")?,
                    ledger_account: row.try_get("ledger_account")?,
                    amount: Money::from_nanos(currency, parsed(row, "amount_nanos")?),
                })
            })
            .collect()
    }
}
