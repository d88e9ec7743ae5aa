//! Ids and numbers of invoices, derived from account and month: closing a month again names the same invoice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::month::Month;

/// Longest account id that can name an invoice, in bytes; ids and numbers stay short enough for any ledger's field.
const MAX_ACCOUNT_ID_BYTES: usize = 32;

/// Text that is not an invoice id, or an account that cannot have one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The account id is empty, too long or has other characters than `a-z` and `0-9`.
    #[error("account id {0:?} is not 1 to {MAX_ACCOUNT_ID_BYTES} characters of a-z and 0-9")]
    Account(String),
    /// The text is not of the form `inv-<account>-<month>`.
    #[error("{0:?} is not an invoice id such as \"inv-acme1-2026-01\"")]
    Id(String),
}

/// `inv-<account>-<month>`: one per account and month.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InvoiceId {
    account_id: String,
    month: Month,
}

impl InvoiceId {
    /// The id of the account's invoice for the month. Errors when the account id is malformed.
    pub fn new(account_id: &str, month: Month) -> Result<Self, IdentityError> {
        check_account(account_id)?;
        Ok(Self { account_id: account_id.to_owned(), month })
    }

    /// The account.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The month.
    pub fn month(&self) -> Month {
        self.month
    }
}

/// The number that readers see, `ATOLL-<ACCOUNT>-<YYYYMM>`. Errors when the account id is malformed.
pub fn invoice_number(account_id: &str, month: Month) -> Result<String, IdentityError> {
    check_account(account_id)?;
    Ok(format!("ATOLL-{}-{}", account_id.to_ascii_uppercase(), month.to_string().replace('-', "")))
}

fn check_account(account_id: &str) -> Result<(), IdentityError> {
    let length_fits = (1..=MAX_ACCOUNT_ID_BYTES).contains(&account_id.len());
    if length_fits && account_id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(IdentityError::Account(account_id.to_owned()))
    }
}

impl fmt::Display for InvoiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inv-{}-{}", self.account_id, self.month)
    }
}

impl FromStr for InvoiceId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || IdentityError::Id(text.to_owned());
        let (account_id, month) =
            text.strip_prefix("inv-").and_then(|rest| rest.split_once('-')).ok_or_else(wrong)?;
        Self::new(account_id, month.parse().map_err(|_| wrong())?).map_err(|_| wrong())
    }
}

impl TryFrom<String> for InvoiceId {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<InvoiceId> for String {
    fn from(id: InvoiceId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_and_month_make_id_and_number() {
        let month: Month = "2026-01".parse().unwrap();
        let id = InvoiceId::new("acme1", month).unwrap();
        assert_eq!(id.to_string(), "inv-acme1-2026-01");
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        assert_eq!((id.account_id(), id.month()), ("acme1", month));
        assert_eq!(invoice_number("acme1", month).unwrap(), "ATOLL-ACME1-202601");
    }

    #[test]
    fn malformed_ids_are_refused() {
        for wrong in
            ["", "inv-", "inv-acme1", "inv-acme1-2026", "inv--2026-01", "inv-Acme-2026-01", "acme1-2026-01"]
        {
            assert_eq!(wrong.parse::<InvoiceId>(), Err(IdentityError::Id(wrong.to_owned())), "{wrong}");
        }
        let month = "2026-01".parse().unwrap();
        for wrong in ["", "a-b", "ACME", &"a".repeat(33)] {
            assert_eq!(InvoiceId::new(wrong, month), Err(IdentityError::Account(wrong.to_owned())));
        }
    }
}
