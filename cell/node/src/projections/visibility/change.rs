//! The newest change of an entity that lists do not show yet.

use atoll_api::temporal::api::common::v1::{Memo, SearchAttributes};
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use atoll_internal_api::state::v1 as state;
use atoll_internal_api::state::v1::visibility_item::Change as Encoded;
use bytes::Bytes;
use cell_engine::{Time, VisibilityFacts};
use cell_shard::Spooled;
use prost::Message;
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// What lists are to show of an entity from now on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Change {
    /// This.
    Upsert(Arc<VisibilityFacts>),
    /// Nothing any more.
    Delete {
        /// When it was deleted, Unix milliseconds.
        at_ms: i64,
    },
}

/// What facts take in memory beside the bytes of their texts and payloads, and what an entry of a map takes.
const FACTS_BYTES: usize = 512;
const ENTRY_BYTES: usize = 192;

impl Spooled for Change {
    fn bytes(&self) -> usize {
        let Self::Upsert(facts) = self else { return size_of::<Self>() };
        let payloads = facts.memo.iter().chain(&facts.search_attributes);
        let payloads = payloads.map(|(name, payload)| ENTRY_BYTES + name.len() + payload.encoded_len());
        FACTS_BYTES + facts.workflow_type.len() + facts.task_queue.len() + payloads.sum::<usize>()
    }

    fn encode(&self) -> Bytes {
        let change = match self {
            Self::Upsert(facts) => Encoded::Facts(to_proto(facts)),
            Self::Delete { at_ms } => Encoded::Deletion(state::VisibilityDeletion { at_ms: *at_ms }),
        };
        state::VisibilityItem { change: Some(change) }.encode_to_vec().into()
    }

    fn decode(data: Bytes) -> Option<Self> {
        match state::VisibilityItem::decode(data).ok()?.change? {
            Encoded::Facts(facts) => Some(Self::Upsert(Arc::new(from_proto(facts)?))),
            Encoded::Deletion(deletion) => Some(Self::Delete { at_ms: deletion.at_ms }),
        }
    }
}

fn to_proto(facts: &VisibilityFacts) -> state::VisibilityFacts {
    state::VisibilityFacts {
        workflow_type: facts.workflow_type.clone(),
        task_queue: facts.task_queue.clone(),
        start_time_ns: facts.start_time.0,
        execution_time_ns: facts.execution_time.0,
        close_time_ns: facts.close_time.map(|time| time.0),
        status: facts.status as i32,
        history_length: facts.history_length,
        history_size_bytes: facts.history_size_bytes,
        state_transition_count: facts.state_transition_count,
        parent: facts.parent.clone(),
        root: Some(facts.root.clone()),
        memo: Some(Memo { fields: facts.memo.clone() }),
        search_attributes: Some(SearchAttributes { indexed_fields: facts.search_attributes.clone() }),
        division: facts.division.as_deref().map(str::to_owned),
    }
}

fn from_proto(facts: state::VisibilityFacts) -> Option<VisibilityFacts> {
    Some(VisibilityFacts {
        workflow_type: facts.workflow_type,
        task_queue: facts.task_queue,
        start_time: Time(facts.start_time_ns),
        execution_time: Time(facts.execution_time_ns),
        close_time: facts.close_time_ns.map(Time),
        status: WorkflowExecutionStatus::try_from(facts.status).ok()?,
        history_length: facts.history_length,
        history_size_bytes: facts.history_size_bytes,
        state_transition_count: facts.state_transition_count,
        parent: facts.parent,
        root: facts.root?,
        memo: facts.memo.unwrap_or_default().fields,
        search_attributes: facts.search_attributes.unwrap_or_default().indexed_fields,
        division: facts.division.map(Cow::Owned),
    })
}

/// An entity's key in bytes, in the outbox and in page tokens: kind, namespace, run, then its id.
pub(crate) fn encode_key(key: &EntityKey) -> Bytes {
    let kind = [key.kind.number()];
    [&kind[..], key.namespace_id.as_bytes(), key.run_id.as_bytes(), key.id.as_bytes()].concat().into()
}

/// The entity of a key.
pub(crate) fn decode_key(bytes: &Bytes) -> Option<EntityKey> {
    let (kind, rest) = bytes.split_first()?;
    let (namespace_id, rest) = rest.split_first_chunk::<16>()?;
    let (run_id, id) = rest.split_first_chunk::<16>()?;
    Some(EntityKey {
        kind: EntityKind::numbered(*kind),
        namespace_id: Uuid::from_bytes(*namespace_id),
        id: std::str::from_utf8(id).ok()?.into(),
        run_id: Uuid::from_bytes(*run_id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::temporal::api::common::v1::{Payload, WorkflowExecution};

    #[test]
    fn changes_and_keys_survive_the_outbox() {
        let execution = |id: &str| WorkflowExecution { workflow_id: id.to_owned(), run_id: "r".to_owned() };
        let payload = |data: &'static [u8]| Payload { data: data.into(), ..Default::default() };
        let facts = VisibilityFacts {
            workflow_type: "type".to_owned(),
            task_queue: "queue".to_owned(),
            start_time: Time(1),
            execution_time: Time(2),
            close_time: Some(Time(3)),
            status: WorkflowExecutionStatus::TimedOut,
            history_length: 4,
            history_size_bytes: 5,
            state_transition_count: 6,
            parent: Some(execution("parent")),
            root: execution("root"),
            memo: [("note".to_owned(), payload(b"memo"))].into(),
            search_attributes: [("Customer".to_owned(), payload(b"acme"))].into(),
            division: None,
        };
        let open = VisibilityFacts {
            close_time: None,
            parent: None,
            division: Some(Cow::Borrowed("division")),
            ..facts.clone()
        };
        for change in [
            Change::Upsert(Arc::new(facts)),
            Change::Upsert(Arc::new(open)),
            Change::Delete { at_ms: -7 },
            Change::Delete { at_ms: 0 },
        ] {
            assert_eq!(Change::decode(change.encode()), Some(change));
        }
        assert_eq!(Change::decode(Bytes::new()), None);
        let key = EntityKey::run(Uuid::from_u128(1), "workflow \u{1f980}", Uuid::from_u128(2));
        assert_eq!(decode_key(&encode_key(&key)), Some(key));
        assert_eq!(decode_key(&Bytes::from_static(&[0; 32])), None);
    }
}
