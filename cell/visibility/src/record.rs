//! One execution as visibility shows it.

use std::borrow::Cow;

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

/// What names a record: a run of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// The namespace.
    pub namespace_id: Uuid,
    /// The run, unique in its namespace.
    pub run_id: Uuid,
}

/// One run as list and count show it. All times are nanoseconds since the Unix epoch.
///
/// A record is a projection: each is complete in itself, and a newer one replaces it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct VisibilityRecord {
    /// The namespace.
    pub namespace_id: Uuid,
    /// The workflow id; for a schedule, its id after [`crate::SCHEDULE_WORKFLOW_ID_PREFIX`].
    pub workflow_id: String,
    /// The run.
    pub run_id: Uuid,
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
    /// The log position that the record shows, at most `i64::MAX`: a store keeps the greatest. All records of a
    /// run come from one shard, so positions compare.
    pub position: u64,
}

impl VisibilityRecord {
    /// What names the record.
    pub fn key(&self) -> RunKey {
        RunKey { namespace_id: self.namespace_id, run_id: self.run_id }
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
            SystemField::RunId => Some(Value::Keyword(self.run_id.to_string())),
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
