//! What a row of the cube is about.

use atoll_internal_api::usage::v1::Attribution;
use uuid::Uuid;

/// What is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UsageKind {
    /// Bytes of open runs, in byte-milliseconds.
    ActiveStorage,
    /// Bytes of closed runs, in byte-milliseconds.
    RetainedStorage,
    /// Actions of the type with this metric name.
    Actions(String),
}

impl UsageKind {
    /// The name that the usage interface gives it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::ActiveStorage => "active_storage",
            Self::RetainedStorage => "retained_storage",
            Self::Actions(_) => "actions",
        }
    }

    /// The action type's name; empty for storage.
    pub(crate) fn action_type(&self) -> &str {
        match self {
            Self::Actions(name) => name,
            _ => "",
        }
    }
}

/// Who a namespace belongs to. Everything is empty where nobody ever said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Owner {
    /// Cloud id.
    pub(crate) namespace: String,
    pub(crate) account_id: String,
    pub(crate) project_id: String,
    /// A JSON object with sorted keys.
    pub(crate) tags: String,
    pub(crate) generation: u64,
}

impl From<&Attribution> for Owner {
    fn from(said: &Attribution) -> Self {
        let tags = if said.tags.is_empty() { String::new() } else { serde_json::json!(said.tags).to_string() };
        Self {
            namespace: said.namespace.clone(),
            account_id: said.account_id.clone(),
            project_id: said.project_id.clone(),
            tags,
            generation: said.generation,
        }
    }
}

/// A row that a shard contributes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowId {
    pub(crate) hour_ms: i64,
    pub(crate) namespace_id: Uuid,
    pub(crate) kind: UsageKind,
    pub(crate) namespace: String,
    pub(crate) account_id: String,
    pub(crate) project_id: String,
    pub(crate) tags: String,
}

impl RowId {
    pub(crate) fn new(hour_ms: i64, namespace_id: Uuid, kind: UsageKind, owner: &Owner) -> Self {
        Self {
            hour_ms,
            namespace_id,
            kind,
            namespace: owner.namespace.clone(),
            account_id: owner.account_id.clone(),
            project_id: owner.project_id.clone(),
            tags: owner.tags.clone(),
        }
    }
}
