//! The journal read back, for tests: nothing else reads it here.

use billing_core::money::{Currency, Money};
use sqlx::Row;

use crate::store::read::parsed;
use crate::store::{Store, StoreError};

/// A posting as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookedPosting {
    /// The entry.
    pub(crate) entry_id: String,
    /// The ledger account (`receivable`, `revenue:actions`).
    pub(crate) ledger_account: String,
    /// Debit when positive, credit when negative.
    pub(crate) amount: Money,
}

impl Store {
    /// Everything booked for an account, oldest first.
    pub(crate) async fn postings(&self, account_id: &str) -> Result<Vec<BookedPosting>, StoreError> {
        let mut connection = self.database.read().await?;
        let select = sqlx::query(include_str!("../sql/select_postings.sql")).bind(account_id);
        let rows = select.fetch_all(&mut *connection).await?;
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
