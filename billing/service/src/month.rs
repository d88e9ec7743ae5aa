//! The billing month: what closing an account's month consists of.
//!
//! Three activities, each idempotent, run in this order by a durable workflow (or, in tests, one after the other):
//! [`MonthActivities::snapshot_usage`] checks completeness and keeps a [`RatingRun`]; [`MonthActivities::write_draft`]
//! rates it; [`MonthActivities::finalize`] issues the draft and books it. A crash between or within them loses nothing:
//! repeating an activity gives what it gave, and nothing outside sees a draft as an invoice.

mod activities;
mod assemble;
mod error;
mod preview;
mod run;
mod snapshot;

use std::fmt;

use async_trait::async_trait;
use billing_core::invoice::InvoiceId;
use billing_core::month::Month;
use serde::{Deserialize, Serialize};

pub use activities::MonthActivities;
pub use error::MonthError;
pub use run::{EarlierMonth, RatingRun};
pub(crate) use snapshot::MAX_REASON_BYTES;

/// Closes one month of one account: the input of the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthRequest {
    /// The account.
    pub account_id: String,
    /// The month.
    pub month: Month,
    /// Set when an operator closes the month although hours are missing: the reason.
    pub force_reason: Option<String>,
}

impl MonthRequest {
    /// `billing-month-<account>-<month>`: the workflow's id, so that one month is closed by one workflow at a time.
    pub fn workflow_id(&self) -> String {
        format!("billing-month-{}-{}", self.account_id, self.month)
    }
}

/// A closed month: the result of the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthOutcome {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Its content hash, in hexadecimal.
    pub content_hash: String,
}

/// Result of [`MonthActivities::snapshot_usage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotOutcome {
    /// The run to rate.
    Run {
        /// Its id.
        run_id: String,
    },
    /// The month is closed already: the workflow is done.
    AlreadyClosed(MonthOutcome),
}

/// Input of [`MonthActivities::write_draft`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRequest {
    /// The run to rate.
    pub run_id: String,
}

/// Input of [`MonthActivities::finalize`], result of [`MonthActivities::write_draft`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The run that was rated.
    pub run_id: String,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The draft's content hash, in hexadecimal: exactly this draft is issued, or none.
    pub content_hash: String,
}

/// Runs the workflow of a month to its end.
#[async_trait]
pub trait MonthRunner: Send + Sync + 'static {
    /// Starts [`MonthRequest::workflow_id`], or joins the one that runs already, and waits for its result. A caller
    /// that goes away does not stop it. Errors are those of the activities, unchanged.
    async fn run(&self, request: MonthRequest) -> Result<MonthOutcome, MonthError>;
}

impl fmt::Display for MonthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "month {} of account {}", self.month, self.account_id)
    }
}
