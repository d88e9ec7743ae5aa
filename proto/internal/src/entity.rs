//! Names of everything durable that a cell hosts: the numbers of its kinds, and what lists show of those beside
//! workflows. To add a kind: its number and, where lists show it, its file here with its `pub mod` and its line in
//! [`LISTED`]. Which kinds there are is said by `kinds.rs` of `cell-engine`.

mod listed;
pub mod schedules;

pub use listed::{Listed, ListedAttribute};

use crate::log::v1::EntityName;
use prost::bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// What kind of entity a name stands for. The numbers are stored; what a number means to a cell is said by the registry
/// of `cell-engine`, and to a store by nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntityKind(u8);

impl EntityKind {
    /// The current-run record of a workflow id; its run id is nil.
    pub const CURRENT_RUN: Self = Self(1);
    /// One run of a workflow.
    pub const WORKFLOW_RUN: Self = Self(2);
    /// A schedule; it has no run id.
    pub const SCHEDULE: Self = Self(3);

    /// The kind with this stored number, known or not.
    pub const fn numbered(number: u8) -> Self {
        Self(number)
    }

    /// Its stored number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// What people call it; none of a kind that is not known.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::CURRENT_RUN => Some("current-run record"),
            Self::WORKFLOW_RUN => Some("workflow run"),
            Self::SCHEDULE => Some("schedule"),
            Self(_) => None,
        }
    }
}

/// The kinds that lists show beside workflows.
pub const LISTED: &[Listed] = &[schedules::AS_LISTED];

/// Names an entity within its shard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntityKey {
    /// What it is.
    pub kind: EntityKind,
    /// Namespace it belongs to.
    pub namespace_id: Uuid,
    /// Workflow id (or the id of another kind of entity).
    pub id: Arc<str>,
    /// Run id, nil for entities that have none.
    pub run_id: Uuid,
}

impl EntityKey {
    /// The current-run record of a workflow id.
    pub fn current_run(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>) -> Self {
        Self { kind: EntityKind::CURRENT_RUN, namespace_id, id: workflow_id.into(), run_id: Uuid::nil() }
    }

    /// The one entity of its kind that has this id.
    pub fn singleton(kind: EntityKind, namespace_id: Uuid, id: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace_id, id: id.into(), run_id: Uuid::nil() }
    }

    /// Whether the name is used once at most. A run's is; one without a run id may come into being again after its
    /// deletion.
    pub fn is_used_once(&self) -> bool {
        !self.run_id.is_nil()
    }

    /// One run of a workflow.
    pub fn run(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>, run_id: Uuid) -> Self {
        Self { kind: EntityKind::WORKFLOW_RUN, namespace_id, id: workflow_id.into(), run_id }
    }
}

impl From<&EntityKey> for EntityName {
    /// As it is stored.
    fn from(key: &EntityKey) -> Self {
        Self {
            kind: key.kind.number().into(),
            namespace_id: Bytes::copy_from_slice(key.namespace_id.as_bytes()),
            id: key.id.to_string(),
            run_id: Bytes::copy_from_slice(key.run_id.as_bytes()),
        }
    }
}

impl EntityName {
    /// The key behind the stored name, whether or not its kind is known; `None` for a name that is none.
    pub fn key(&self) -> Option<EntityKey> {
        Some(EntityKey {
            kind: EntityKind::numbered(u8::try_from(self.kind).ok()?),
            namespace_id: Uuid::from_slice(&self.namespace_id).ok()?,
            id: self.id.as_str().into(),
            run_id: Uuid::from_slice(&self.run_id).ok()?,
        })
    }
}

/// Names a chunk within its entity. The numbers are stored; what they stand for is the entity's own affair.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChunkId {
    /// What it is a part of.
    pub collection: u8,
    /// Which part.
    pub bucket: i64,
}

impl ChunkId {
    /// The collection that belongs to the shard which hosts the entity: no entity names a chunk so.
    pub const OF_SHARD: u8 = 0;
}

/// A part of an entity's snapshot that stands in a row of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Names it.
    pub id: ChunkId,
    /// Encoded part; without bytes in a write, the row goes.
    pub data: Bytes,
}
