//! Why a month does not close.

use billing_core::month::Month;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::accounts::AccountsUnavailable;
use crate::store::StoreError;
use crate::usage_source::{MissingHour, UsageSourceError};

/// Missing hours that a message names; more are counted.
const NAMED_HOURS: usize = 3;

/// Why a month does not close. Travels through the workflow as the failure's details.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonthError {
    /// There is no such account.
    #[error("account {account_id:?} does not exist")]
    UnknownAccount {
        /// The account.
        account_id: String,
    },
    /// The account is metered and never invoiced.
    #[error("account {account_id:?} is never invoiced")]
    NeverInvoiced {
        /// The account.
        account_id: String,
    },
    /// The month is not over; that cannot be forced.
    #[error("month {month} is not over: it ends at {ends}")]
    NotOver {
        /// The month.
        month: Month,
        /// Its end.
        ends: Timestamp,
    },
    /// Hours are missing.
    #[error("month {month} is not complete: {}", named(missing))]
    Incomplete {
        /// The month.
        month: Month,
        /// Some of what is missing, earliest first.
        missing: Vec<MissingHour>,
    },
    /// There is no complete hour to draft from.
    #[error("no hour of month {month} is complete yet")]
    NothingComplete {
        /// The month.
        month: Month,
    },
    /// The account's terms and the rate cards do not fit, or the quantities do not fit an invoice.
    #[error("cannot be rated: {problem}")]
    Unratable {
        /// Why.
        problem: String,
    },
    /// Another close got in between; closing again gives the right invoice.
    #[error("the draft of {invoice_id} was replaced while it was being closed; close the month again")]
    Superseded {
        /// The invoice.
        invoice_id: String,
    },
    /// Something that is needed is away for now.
    #[error("{problem}")]
    Unavailable {
        /// What, and why.
        problem: String,
    },
    /// A broken invariant.
    #[error("{problem}")]
    Internal {
        /// Which.
        problem: String,
    },
}

impl MonthError {
    /// Whether an activity that failed so should be tried again.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, MonthError::Unavailable { .. })
    }

    /// A stable name, for the failure type of a workflow.
    pub const fn kind(&self) -> &'static str {
        match self {
            MonthError::UnknownAccount { .. } => "UnknownAccount",
            MonthError::NeverInvoiced { .. } => "NeverInvoiced",
            MonthError::NotOver { .. } => "NotOver",
            MonthError::Incomplete { .. } => "Incomplete",
            MonthError::NothingComplete { .. } => "NothingComplete",
            MonthError::Unratable { .. } => "Unratable",
            MonthError::Superseded { .. } => "Superseded",
            MonthError::Unavailable { .. } => "Unavailable",
            MonthError::Internal { .. } => "Internal",
        }
    }

    pub(crate) fn unratable(problem: impl ToString) -> Self {
        Self::Unratable { problem: problem.to_string() }
    }
}

fn named(missing: &[MissingHour]) -> String {
    if missing.is_empty() {
        return "metering names no cell".to_owned();
    }
    let mut text: Vec<_> = missing.iter().take(NAMED_HOURS).map(|hour| format!("missing {hour}")).collect();
    if missing.len() > NAMED_HOURS {
        text.push(format!("and {} more", missing.len() - NAMED_HOURS));
    }
    text.join("; ")
}

impl From<UsageSourceError> for MonthError {
    fn from(error: UsageSourceError) -> Self {
        match &error {
            UsageSourceError::Unavailable(_) | UsageSourceError::Changed => {
                Self::Unavailable { problem: error.to_string() }
            }
            UsageSourceError::Malformed(_) => Self::Internal { problem: error.to_string() },
        }
    }
}

impl From<AccountsUnavailable> for MonthError {
    fn from(error: AccountsUnavailable) -> Self {
        Self::Unavailable { problem: error.to_string() }
    }
}

impl From<StoreError> for MonthError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => Self::Unavailable { problem: error.to_string() },
            StoreError::TooMany { .. } => Self::unratable(error),
            StoreError::Refused(_) | StoreError::Malformed { .. } => {
                Self::Internal { problem: error.to_string() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_cell_shard_and_hour() {
        let missing = |shard| MissingHour {
            cell_id: "b".to_owned(),
            shard,
            hour: "2026-01-05T10:00:00Z".parse().unwrap(),
        };
        let month = "2026-01".parse().unwrap();
        let one = MonthError::Incomplete { month, missing: vec![missing(3)] };
        assert_eq!(
            one.to_string(),
            "month 2026-01 is not complete: missing cell b, shard 3, hour 2026-01-05T10:00:00Z"
        );
        let many = MonthError::Incomplete { month, missing: (0..8).map(missing).collect() };
        assert!(many.to_string().ends_with("shard 2, hour 2026-01-05T10:00:00Z; and 5 more"), "{many}");
    }

    #[test]
    fn errors_travel_as_json() {
        let error = MonthError::NotOver {
            month: "2026-01".parse().unwrap(),
            ends: "2026-02-01T00:00:00Z".parse().unwrap(),
        };
        let json = serde_json::to_string(&error).unwrap();
        assert_eq!(serde_json::from_str::<MonthError>(&json).unwrap(), error);
        assert!(!error.is_retryable());
    }
}
