//! What an invoice books when it is finalized, paid or voided.

use std::collections::BTreeMap;

use super::{JournalEntry, LedgerAccount, LedgerError, Posting};
use crate::invoice::InvoiceContent;
use crate::line::ChargeKind;
use crate::money::{Money, MoneyError};

/// Finalization: the customer owes the total; each kind of charge earned its sum; rounding takes the difference.
/// Errors when the lines do not sum to the total.
pub fn finalization_entry(invoice: &InvoiceContent) -> Result<JournalEntry, LedgerError> {
    let id = format!("{}:finalized", invoice.id);
    let overflow = |_: MoneyError| LedgerError::Overflow { entry: id.clone() };
    let mut sums: BTreeMap<LedgerAccount, Money> = BTreeMap::new();
    sums.insert(LedgerAccount::Receivable, invoice.total);
    for line in &invoice.lines {
        let account = match line.kind {
            ChargeKind::Rounding => LedgerAccount::Rounding,
            kind => LedgerAccount::Revenue(kind),
        };
        let credit = line.amount.nanos.checked_neg().ok_or(MoneyError::Overflow).map_err(overflow)?;
        let sum = sums.entry(account).or_insert_with(|| Money::zero(line.amount.currency));
        *sum = sum.checked_add(Money::from_nanos(line.amount.currency, credit)).map_err(overflow)?;
    }
    let postings = sums
        .into_iter()
        .filter(|(_, amount)| amount.nanos != 0)
        .map(|(account, amount)| Posting { account, amount })
        .collect();
    JournalEntry::new(id.clone(), invoice.account_id.clone(), postings)
}

/// Payment in full: what was owed came in. Nothing is booked for a total of zero.
pub fn payment_entry(invoice: &InvoiceContent) -> Result<JournalEntry, LedgerError> {
    let id = format!("{}:paid", invoice.id);
    let nanos = invoice.total.nanos;
    let credit = nanos.checked_neg().ok_or_else(|| LedgerError::Overflow { entry: id.clone() })?;
    let postings = [(LedgerAccount::Receivable, credit), (LedgerAccount::Cash, nanos)]
        .into_iter()
        .filter(|(_, nanos)| *nanos != 0)
        .map(|(account, nanos)| Posting { account, amount: Money::from_nanos(invoice.total.currency, nanos) })
        .collect();
    JournalEntry::new(id, invoice.account_id.clone(), postings)
}

/// Voiding: undoes what finalization booked.
pub fn void_entry(invoice: &InvoiceContent) -> Result<JournalEntry, LedgerError> {
    finalization_entry(invoice)?.reversed(format!("{}:void", invoice.id))
}
