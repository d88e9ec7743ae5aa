//! Names of everything durable that a cell hosts.

use prost::bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// What kind of entity a name stands for. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum EntityKind {
    /// The current-run record of a workflow id; its run id is nil.
    CurrentRun = 1,
    /// One run of a workflow.
    WorkflowRun = 2,
}

impl EntityKind {
    /// The kind with this stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::CurrentRun),
            2 => Some(Self::WorkflowRun),
            _ => None,
        }
    }
}

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
        Self { kind: EntityKind::CurrentRun, namespace_id, id: workflow_id.into(), run_id: Uuid::nil() }
    }

    /// One run of a workflow.
    pub fn run(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>, run_id: Uuid) -> Self {
        Self { kind: EntityKind::WorkflowRun, namespace_id, id: workflow_id.into(), run_id }
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

/// A part of an entity's snapshot that stands in a row of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Names it.
    pub id: ChunkId,
    /// Encoded part; without bytes in a write, the row goes.
    pub data: Bytes,
}
