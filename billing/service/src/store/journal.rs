//! The journal: entries are added in the transaction of what they book.

use billing_core::invoice::InvoiceContent;
use billing_core::ledger::{JournalEntry, finalization_entry};
use billing_core::money::Money;
use jiff::Timestamp;

use super::StoreError;
use super::engine::Reads;

/// An entry as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookedEntry {
    /// Its id.
    pub(crate) entry_id: String,
    /// The customer's account.
    pub(crate) account_id: String,
    /// When.
    pub(crate) booked_at: Timestamp,
    /// Its postings, in order; their sum is zero.
    pub(crate) postings: Vec<BookedPosting>,
}

/// A posting as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookedPosting {
    /// The ledger account (`receivable`, `revenue:actions`).
    pub(crate) ledger_account: String,
    /// Debit when positive, credit when negative.
    pub(crate) amount: Money,
}

/// What an invoice books when it is issued.
pub(super) fn finalization(content: &InvoiceContent) -> Result<JournalEntry, StoreError> {
    finalization_entry(content).map_err(|error| StoreError::malformed("invoice", error))
}

/// Refuses an issued invoice that has not booked what it says, exactly once.
pub(super) async fn check_booked(reads: &mut dyn Reads, content: &InvoiceContent) -> Result<(), StoreError> {
    let expected = finalization(content)?;
    let booked = reads.entries(&content.id).await?;
    let stands = booked.iter().find(|entry| entry.entry_id == expected.id()).is_some_and(|entry| {
        let expected = expected.postings().iter().map(|posting| BookedPosting {
            ledger_account: posting.account.to_string(),
            amount: posting.amount,
        });
        entry.postings.iter().cloned().eq(expected)
    });
    if stands {
        Ok(())
    } else {
        Err(StoreError::malformed("journal", format!("{} is not booked as the invoice says", content.id)))
    }
}

#[cfg(test)]
impl super::Store {
    /// What an invoice has booked.
    pub(crate) async fn entries(
        &self,
        id: &billing_core::invoice::InvoiceId,
    ) -> Result<Vec<BookedEntry>, StoreError> {
        use futures::FutureExt;
        self.read(|snapshot| async { snapshot.entries(id).await }.boxed()).await
    }
}
