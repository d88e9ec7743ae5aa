//! One execution, or entity without runs, as visibility shows it.

use std::{borrow::Cow, fmt, sync::Arc};

use atoll_internal_api::entity::EntityKind;
use bytes::Bytes;
use uuid::Uuid;

use crate::{
    schema::{Field, SystemField},
    status::ExecutionStatus,
    value::{Attributes, Value},
};

/// Another execution that a record refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionRef {
    /// Its workflow id.
    pub workflow_id: String,
    /// Its run.
    pub run_id: Uuid,
}

/// What names a record in its namespace. Ids are ordered as their texts are, bytewise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordId {
    /// A run, unique in its namespace.
    Run(Uuid),
    /// What has no runs, a schedule for example. It may come into being again after its deletion.
    Singleton {
        /// What it is.
        kind: EntityKind,
        /// Its id, unique among those of its kind.
        id: Arc<str>,
    },
}

/// Begins the text of a singleton: behind every digit of a run's.
const SINGLETON_MARK: char = '~';
/// Hexadecimal digits of a kind.
const KIND_DIGITS: usize = 2;

impl RecordId {
    /// The run; none of a singleton.
    pub fn run_id(&self) -> Option<Uuid> {
        match self {
            Self::Run(run_id) => Some(*run_id),
            Self::Singleton { .. } => None,
        }
    }

    /// Bytes of memory that it takes beside itself.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Run(_) => 0,
            Self::Singleton { id, .. } => id.len(),
        }
    }

    /// Reads the text of an id; none where it is of no id.
    pub fn parse(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix(SINGLETON_MARK) else {
            let run_id = Uuid::parse_str(text).ok()?;
            return Some(Self::Run(run_id));
        };
        let (kind, id) = rest.split_at_checked(KIND_DIGITS)?;
        let kind = EntityKind::numbered(u8::from_str_radix(kind, 16).ok()?);
        Some(Self::Singleton { kind, id: id.into() })
    }
}

/// The text that stores keep: a run's id as it is written everywhere, or `~`, the kind and the id of a singleton. So
/// the texts of runs are those below `~`.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run_id) => run_id.fmt(f),
            Self::Singleton { kind, id } => write!(f, "{SINGLETON_MARK}{:02x}{id}", kind.number()),
        }
    }
}

/// What names a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The namespace.
    pub namespace_id: Uuid,
    /// The record in it.
    pub id: RecordId,
}

/// One run, or entity without runs, as list and count show it. All times are nanoseconds since the Unix epoch.
///
/// A record is a projection: each is complete in itself, and a newer one replaces it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct VisibilityRecord {
    /// The namespace.
    pub namespace_id: Uuid,
    /// The workflow id; in a division, the entity's id after the prefix of [`crate::Division`].
    pub workflow_id: String,
    /// What names it.
    pub id: RecordId,
    /// The workflow type.
    pub workflow_type: String,
    /// The task queue.
    pub task_queue: String,
    /// When the run was started.
    pub start_time: i64,
    /// When its first task becomes due: later than its start with a start delay or cron.
    pub execution_time: i64,
    /// When it closed; none while it is open.
    pub close_time: Option<i64>,
    /// Its status.
    pub status: ExecutionStatus,
    /// Events in its history; none while it is open.
    pub history_length: Option<i64>,
    /// Bytes of its history; none while it is open.
    pub history_size_bytes: Option<i64>,
    /// State transitions; none while it is open.
    pub state_transition_count: Option<i64>,
    /// From execution time to close, nanoseconds; none while it is open.
    pub execution_duration: Option<i64>,
    /// The parent, for a child workflow.
    pub parent: Option<ExecutionRef>,
    /// The root of its tree of workflows; itself where it has no parent.
    pub root: Option<ExecutionRef>,
    /// The namespace division of what is not a workflow of the user: hidden unless a filter mentions it.
    pub division: Option<String>,
    /// The memo, an encoded `temporal.api.common.v1.Memo`; empty without one.
    pub memo: Bytes,
    /// Predefined and custom search attributes.
    pub search_attributes: Attributes,
    /// The log position that the record shows, at most `i64::MAX`: a store keeps the greatest. All records of one
    /// name come from one shard, so positions compare.
    pub position: u64,
}

impl VisibilityRecord {
    /// Bytes that it counts on a page of a list: about what it takes in memory, and no less than on the wire.
    pub fn page_bytes(&self) -> usize {
        size_of::<Self>() + self.held_bytes()
    }

    /// Bytes of memory that it takes beside itself, by and large.
    pub(crate) fn held_bytes(&self) -> usize {
        let texts = [&self.workflow_id, &self.workflow_type, &self.task_queue];
        let others = [&self.parent, &self.root].into_iter().flatten().map(|of| &of.workflow_id);
        let texts = texts.into_iter().chain(others).chain(&self.division).map(String::len);
        // Nodes of a map are two thirds full.
        let place = size_of::<(String, Value)>() * 3 / 2;
        let attributes = self.search_attributes.iter();
        let attributes = attributes.map(|(name, value)| place + name.len() + value.held_bytes());
        self.id.held_bytes() + self.memo.len() + texts.chain(attributes).sum::<usize>()
    }

    /// What names the record.
    pub fn key(&self) -> RecordKey {
        RecordKey { namespace_id: self.namespace_id, id: self.id.clone() }
    }

    /// The value of an attribute; none where the record lacks it. ExecutionStatus reads as its name.
    pub fn value(&self, field: &Field) -> Option<Cow<'_, Value>> {
        match field {
            Field::Search(name) => self.search_attributes.get(name).map(Cow::Borrowed),
            Field::System(field) => self.system_value(*field).map(Cow::Owned),
        }
    }

    fn system_value(&self, field: SystemField) -> Option<Value> {
        let keyword = |text: &str| Some(Value::Keyword(text.to_owned()));
        let id = |of: &Option<ExecutionRef>| of.as_ref().map(|of| Value::Keyword(of.workflow_id.clone()));
        let run = |of: &Option<ExecutionRef>| of.as_ref().map(|of| Value::Keyword(of.run_id.to_string()));
        match field {
            SystemField::WorkflowId => keyword(&self.workflow_id),
            SystemField::RunId => self.id.run_id().map(|run_id| Value::Keyword(run_id.to_string())),
            SystemField::WorkflowType => keyword(&self.workflow_type),
            SystemField::ExecutionStatus => keyword(self.status.name()),
            SystemField::TaskQueue => keyword(&self.task_queue),
            SystemField::ParentWorkflowId => id(&self.parent),
            SystemField::ParentRunId => run(&self.parent),
            SystemField::RootWorkflowId => id(&self.root),
            SystemField::RootRunId => run(&self.root),
            SystemField::StartTime => Some(Value::Datetime(self.start_time)),
            SystemField::ExecutionTime => Some(Value::Datetime(self.execution_time)),
            SystemField::CloseTime => self.close_time.map(Value::Datetime),
            SystemField::HistoryLength => self.history_length.map(Value::Int),
            SystemField::ExecutionDuration => self.execution_duration.map(Value::Int),
            SystemField::StateTransitionCount => self.state_transition_count.map(Value::Int),
            SystemField::HistorySizeBytes => self.history_size_bytes.map(Value::Int),
            SystemField::NamespaceDivision => self.division.as_deref().and_then(keyword),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_through_their_texts_in_order() {
        let singleton =
            |kind, id: &str| RecordId::Singleton { kind: EntityKind::numbered(kind), id: id.into() };
        let ids = [
            RecordId::Run(Uuid::nil()),
            RecordId::Run(Uuid::from_u128(0xa)),
            RecordId::Run(Uuid::max()),
            singleton(3, ""),
            singleton(3, "a"),
            singleton(3, "a\u{1f980}"),
            singleton(3, "~03a"),
            singleton(9, "a"),
            singleton(255, "A"),
        ];
        let texts: Vec<String> = ids.iter().map(RecordId::to_string).collect();
        assert!(texts.is_sorted() && ids.is_sorted(), "{texts:?}");
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!(RecordId::parse(text).as_ref(), Some(id));
            assert_eq!(text.as_str() < "~", id.run_id().is_some());
        }
        for text in ["", "~", "~0", "~é", "~zz", "run"] {
            assert_eq!(RecordId::parse(text), None, "{text}");
        }
    }
}
