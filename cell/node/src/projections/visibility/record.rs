//! An entity's facts as the record that lists show.

use super::change::{Change, decode_key};
use atoll_api::temporal::api::common::v1::{Memo, SearchAttributes, WorkflowExecution};
use atoll_internal_api::entity::EntityKey;
use bytes::Bytes;
use cell_engine::VisibilityFacts;
use cell_frontend::namespaces::{Namespace, NamespaceRegistry};
use cell_shard::Telling;
use cell_store::Position;
use cell_visibility::{
    AttributeType, Deletion, ExecutionRef, ExecutionStatus, RecordId, RecordKey, Schema, VisibilityRecord,
    decode_search_attributes, workflow_id_prefix,
};
use prost::Message;
use std::sync::Arc;
use uuid::Uuid;

/// What is to be written.
pub(super) enum Write {
    Record(Box<VisibilityRecord>),
    Deletion(Deletion),
}

/// What a change is to the store; none where nothing is to be shown: the namespace was removed.
pub(super) fn write(told: &Telling<Change>, namespaces: &NamespaceRegistry) -> Option<Write> {
    let key = decode_key(&told.key)?;
    match &*told.item {
        Change::Delete { at_ms } => {
            let key = RecordKey { namespace_id: key.namespace_id, id: id(&key) };
            Some(Write::Deletion(Deletion { key, position: ordinal(told.position), at_ms: *at_ms }))
        }
        Change::Upsert(facts) => {
            record_of(&key, told.position, facts, namespaces).map(|record| Write::Record(Box::new(record)))
        }
    }
}

/// The record of an entity as of a step; none where nothing is to be shown: the namespace was removed.
pub(super) fn record_of(
    key: &EntityKey,
    position: Position,
    facts: &VisibilityFacts,
    namespaces: &NamespaceRegistry,
) -> Option<VisibilityRecord> {
    let namespace = namespaces.by_id(key.namespace_id)?;
    record(key, facts, ordinal(position), &schema(&namespace))
}

fn record(
    key: &EntityKey,
    facts: &VisibilityFacts,
    position: u64,
    schema: &Schema,
) -> Option<VisibilityRecord> {
    let attributes = SearchAttributes { indexed_fields: facts.search_attributes.clone() };
    let memo = Memo { fields: facts.memo.clone() };
    let close = facts.close_time.map(|time| time.0);
    let prefix = facts.division.as_deref().map_or("", workflow_id_prefix);
    Some(VisibilityRecord {
        namespace_id: key.namespace_id,
        workflow_id: format!("{prefix}{}", key.id),
        id: id(key),
        workflow_type: facts.workflow_type.clone(),
        task_queue: facts.task_queue.clone(),
        start_time: facts.start_time.0,
        execution_time: facts.execution_time.0,
        close_time: close,
        status: ExecutionStatus::from_number(facts.status as i32)?,
        history_length: close.map(|_| facts.history_length),
        history_size_bytes: close.map(|_| facts.history_size_bytes as i64),
        state_transition_count: close.map(|_| facts.state_transition_count),
        execution_duration: close.map(|close| close.saturating_sub(facts.execution_time.0)),
        parent: facts.parent.as_ref().and_then(reference),
        root: reference(&facts.root),
        division: facts.division.as_deref().map(str::to_owned),
        memo: if memo.fields.is_empty() { Bytes::new() } else { memo.encode_to_vec().into() },
        search_attributes: decode_search_attributes(&attributes, schema),
        position,
    })
}

/// By its run, or where it has none by kind and id.
fn id(key: &EntityKey) -> RecordId {
    if key.run_id.is_nil() {
        RecordId::Singleton { kind: key.kind, id: Arc::clone(&key.id) }
    } else {
        RecordId::Run(key.run_id)
    }
}

/// The attributes that runs of a namespace may have.
fn schema(namespace: &Namespace) -> Schema {
    let custom = &namespace.spec.search_attributes;
    Schema::with_custom(
        custom.iter().filter_map(|(name, number)| Some((name.clone(), AttributeType::from_number(*number)?))),
    )
}

/// A log position as one number that grows with it.
fn ordinal(position: Position) -> u64 {
    const INDEX_BITS: u32 = 20;
    (position.seq << INDEX_BITS) | u64::from(position.index.min((1 << INDEX_BITS) - 1))
}

fn reference(execution: &WorkflowExecution) -> Option<ExecutionRef> {
    let run_id = Uuid::parse_str(&execution.run_id).ok()?;
    Some(ExecutionRef { workflow_id: execution.workflow_id.clone(), run_id })
}
