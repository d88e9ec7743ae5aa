use serde::{Deserialize, Serialize};

/// What an async operation does: one workflow type each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Place a namespace and make it serve.
    CreateNamespace,
    /// Bring a namespace's cell to its new settings.
    UpdateNamespace,
    /// Take a namespace out of service and delete what it holds.
    DeleteNamespace,
    /// Bring every cell to the current set of API keys.
    ApplyApiKey,
}

/// Input of the workflows and activities of one async operation. What the operation wants stands in the control plane's
/// database: it is read when a step runs, so that a step always works on the newest decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationInput {
    /// The workflow's id; unique over all accounts.
    pub workflow_id: String,
}

/// Input of the compensation: the operation and why it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedOperation {
    /// The operation.
    pub operation: OperationInput,
    /// For people: what the async operation shows as its failure reason.
    pub reason: String,
}

/// Closes one month of one account: input of the workflow and of its first activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthInput {
    /// The account.
    pub account_id: String,
    /// `2026-01`.
    pub month: String,
    /// Set when an operator closes the month although hours are missing: the reason.
    pub force_reason: Option<String>,
}

impl MonthInput {
    /// `billing-month-<account>-<month>`: the workflow's id, so that one month is closed by one workflow at a time.
    pub fn workflow_id(&self) -> String {
        format!("billing-month-{}-{}", self.account_id, self.month)
    }
}

/// Result of checking that a month is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonthSnapshot {
    /// The run that holds what the invoice is computed from.
    Run {
        /// Its id.
        run_id: String,
    },
    /// The month is closed already.
    AlreadyClosed(MonthOutput),
}

/// Input of rating: the run to rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthDraftInput {
    /// The run.
    pub run_id: String,
}

/// A draft invoice: result of rating, input of finalizing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthDraft {
    /// The run that was rated.
    pub run_id: String,
    /// The invoice.
    pub invoice_id: String,
    /// The draft's content hash: exactly this draft is issued, or none.
    pub content_hash: String,
}

/// A closed month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthOutput {
    /// The invoice.
    pub invoice_id: String,
    /// Its content hash.
    pub content_hash: String,
}
