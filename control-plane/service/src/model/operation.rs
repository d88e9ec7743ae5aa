use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;

use super::stored_names;

/// An async operation: what a call decided, and how far the world has followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// `<account>/<id>`: the id of the workflow that carries it out.
    pub workflow_id: String,
    /// Whose it is.
    pub account_id: String,
    /// The caller's `async_operation_id`, or one that was made for them. Unique in the account.
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// What it does it to: a namespace's UUID, or a key's id.
    pub subject: String,
    /// How far it is.
    pub state: OperationState,
    /// Why it failed; empty otherwise.
    pub failure_reason: String,
    /// Full name of the request message.
    pub input_type: String,
    /// The encoded request. Requests that carry secrets are no inputs.
    pub input: Vec<u8>,
    /// What to go back to if it fails.
    pub previous_spec: Option<NamespaceSpec>,
    /// When it was asked for, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ended.
    pub finished_ms: Option<i64>,
}

impl Operation {
    /// The workflow id of an operation. The account is part of it: callers choose ids, and must not meet those of other
    /// accounts.
    pub fn workflow_id(account_id: &str, id: &str) -> String {
        format!("{account_id}/{id}")
    }

    /// The account of a workflow id; none of what is no operation's.
    pub fn account_of(workflow_id: &str) -> Option<&str> {
        workflow_id.split_once('/').map(|(account_id, _)| account_id)
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, OperationState::Failed | OperationState::Fulfilled)
    }
}

/// What an operation does: each is one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Place a namespace and make it serve.
    CreateNamespace,
    /// Bring a namespace's cell to its new settings.
    UpdateNamespace,
    /// Take a namespace out of service and delete it.
    DeleteNamespace,
    /// Bring all cells to the set of keys that has a new one.
    CreateApiKey,
    /// Bring all cells to the set of keys that has one less.
    DeleteApiKey,
}

stored_names!(OperationKind {
    CreateNamespace = "create_namespace",
    UpdateNamespace = "update_namespace",
    DeleteNamespace = "delete_namespace",
    CreateApiKey = "create_api_key",
    DeleteApiKey = "delete_api_key",
});

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// Decided; its workflow has not begun.
    Pending,
    /// Its workflow works on it.
    InProgress,
    /// It failed and was undone.
    Failed,
    /// The world is as asked for.
    Fulfilled,
}

stored_names!(OperationState {
    Pending = "pending",
    InProgress = "in_progress",
    Failed = "failed",
    Fulfilled = "fulfilled",
});
