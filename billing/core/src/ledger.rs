//! Double-entry ledger: every entry balances per currency, and entries are only ever added.
//!
//! Debits are positive, credits negative. What an invoice books is decided here; when and where it is stored is the
//! caller's matter. An entry's id is derived from the invoice and the event, so that booking twice is recognised.

mod booking;

use std::collections::BTreeMap;
use std::fmt;

use num_bigint::BigInt;
use num_traits::Zero;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use booking::{finalization_entry, payment_entry, void_entry};

use crate::line::ChargeKind;
use crate::money::{Currency, Money};

/// A ledger account. All but `Cash` are kept per customer account, which the entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerAccount {
    /// What the customer owes.
    Receivable,
    /// What was earned, by kind of charge.
    Revenue(ChargeKind),
    /// What rounding to minor units gave or took.
    Rounding,
    /// What was paid.
    Cash,
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerAccount::Receivable => f.write_str("receivable"),
            LedgerAccount::Revenue(kind) => write!(f, "revenue:{}", kind.code()),
            LedgerAccount::Rounding => f.write_str("rounding"),
            LedgerAccount::Cash => f.write_str("cash"),
        }
    }
}

/// One side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Where it is booked.
    pub account: LedgerAccount,
    /// Debit when positive, credit when negative; never zero.
    pub amount: Money,
}

/// An entry that must not be booked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// Debits and credits of a currency differ.
    #[error("entry {entry:?} is out of balance by {difference} nano-{currency}")]
    Unbalanced {
        /// The entry.
        entry: String,
        /// The currency.
        currency: Currency,
        /// Debits less credits, in nano-units.
        difference: BigInt,
    },
    /// A posting says nothing.
    #[error("entry {entry:?} posts zero to {account}")]
    ZeroPosting {
        /// The entry.
        entry: String,
        /// The account.
        account: LedgerAccount,
    },
    /// A sum does not fit.
    #[error("entry {entry:?} has an amount that does not fit")]
    Overflow {
        /// The entry.
        entry: String,
    },
}

/// A balanced set of postings with one cause. It can only be made balanced. Without postings it books nothing, as for
/// an invoice whose lines are all zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    id: String,
    account_id: String,
    postings: Vec<Posting>,
}

impl JournalEntry {
    /// A new entry. Errors when debits and credits of any currency differ, or a posting is zero.
    pub fn new(id: String, account_id: String, postings: Vec<Posting>) -> Result<Self, LedgerError> {
        let mut sums: BTreeMap<Currency, BigInt> = BTreeMap::new();
        for posting in &postings {
            if posting.amount.nanos == 0 {
                return Err(LedgerError::ZeroPosting { entry: id, account: posting.account });
            }
            *sums.entry(posting.amount.currency).or_default() += posting.amount.nanos;
        }
        match sums.into_iter().find(|(_, sum)| !sum.is_zero()) {
            Some((currency, difference)) => Err(LedgerError::Unbalanced { entry: id, currency, difference }),
            None => Ok(Self { id, account_id, postings }),
        }
    }

    /// Id, derived from the cause: booking the same cause again gives the same id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The customer account.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The postings, by ledger account.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// The entry that undoes this one. It balances because this one does.
    pub fn reversed(&self, id: String) -> Result<Self, LedgerError> {
        let postings = self
            .postings
            .iter()
            .map(|posting| {
                let nanos = posting.amount.nanos.checked_neg();
                let nanos = nanos.ok_or_else(|| LedgerError::Overflow { entry: id.clone() })?;
                Ok(Posting {
                    account: posting.account,
                    amount: Money::from_nanos(posting.amount.currency, nanos),
                })
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        Self::new(id, self.account_id.clone(), postings)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn posting(account: LedgerAccount, code: &str, nanos: i128) -> Posting {
        Posting { account, amount: Money::from_nanos(Currency::from_code(code).unwrap(), nanos) }
    }

    fn entry(postings: Vec<Posting>) -> Result<JournalEntry, LedgerError> {
        JournalEntry::new("e".to_owned(), "acme1".to_owned(), postings)
    }

    #[test]
    fn only_balanced_entries_exist() {
        let (debit, credit) = (LedgerAccount::Receivable, LedgerAccount::Revenue(ChargeKind::PlanFee));
        assert!(entry(vec![posting(debit, "USD", 5), posting(credit, "USD", -5)]).is_ok());
        assert!(entry(vec![]).is_ok());
        let short = entry(vec![posting(debit, "USD", 5), posting(credit, "USD", -4)]).unwrap_err();
        assert_eq!(short.to_string(), r#"entry "e" is out of balance by 1 nano-USD"#);
        let mixed = entry(vec![posting(debit, "USD", 5), posting(credit, "EUR", -5)]);
        assert!(matches!(mixed, Err(LedgerError::Unbalanced { .. })), "currencies balance one by one");
        let zero = entry(vec![posting(LedgerAccount::Rounding, "USD", 0)]).unwrap_err();
        assert_eq!(zero.to_string(), r#"entry "e" posts zero to rounding"#);
    }

    proptest! {
        #![proptest_config(atoll_seed::cases(256))]

        #[test]
        fn an_entry_and_its_reversal_cancel(amounts in proptest::collection::vec(1_i128..i128::from(u64::MAX), 1..8)) {
            let mut postings: Vec<_> = amounts.iter().map(|nanos| posting(LedgerAccount::Cash, "USD", *nanos)).collect();
            postings.push(posting(LedgerAccount::Receivable, "USD", -amounts.iter().sum::<i128>()));
            let booked = entry(postings).unwrap();
            let undone = booked.reversed("r".to_owned()).unwrap();
            for (there, back) in booked.postings().iter().zip(undone.postings()) {
                prop_assert_eq!(there.amount.checked_add(back.amount).unwrap().nanos, 0);
                prop_assert_eq!(there.account, back.account);
            }
        }
    }
}
