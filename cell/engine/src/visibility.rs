//! What lists and counts know of an entity.

use crate::run::Run;
use crate::time::Time;
use atoll_api::temporal::api::common::v1::{Payload, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What lists and counts know of an entity that they show: a run, or one without runs.
#[derive(Clone, PartialEq, Debug)]
pub struct VisibilityFacts {
    /// Workflow type.
    pub workflow_type: String,
    /// Normal task queue.
    pub task_queue: String,
    /// When it started.
    pub start_time: Time,
    /// When its first workflow task was, or will be, scheduled.
    pub execution_time: Time,
    /// When it closed.
    pub close_time: Option<Time>,
    /// Running, or how it closed.
    pub status: WorkflowExecutionStatus,
    /// Events in its history.
    pub history_length: i64,
    /// Encoded length of its history.
    pub history_size_bytes: u64,
    /// Steps it has taken.
    pub state_transition_count: i64,
    /// The parent of a child.
    pub parent: Option<WorkflowExecution>,
    /// First ancestor; itself where it has no parent. Without a run id for an entity that has none.
    pub root: WorkflowExecution,
    /// Memo.
    pub memo: BTreeMap<String, Payload>,
    /// Search attributes.
    pub search_attributes: BTreeMap<String, Payload>,
    /// The namespace division of what is no workflow of the user: lists hide it unless a filter mentions divisions.
    pub division: Option<Cow<'static, str>>,
}

impl Run {
    /// What lists and counts should know now.
    pub fn visibility(&self) -> VisibilityFacts {
        let started = self.started();
        let backoff = crate::run::nanos(started.first_workflow_task_backoff.as_ref());
        let own =
            WorkflowExecution { workflow_id: self.key().id.to_string(), run_id: self.run_id().to_string() };
        VisibilityFacts {
            workflow_type: self.workflow_type().to_owned(),
            task_queue: self.task_queue().to_owned(),
            start_time: Time(self.info.start_time_ns),
            execution_time: Time(self.info.start_time_ns).plus(backoff),
            close_time: self.closed().then_some(Time(self.info.close_time_ns)),
            status: self.status(),
            history_length: self.next_event_id() - 1,
            history_size_bytes: self.billed_bytes(),
            state_transition_count: self.info.state_transitions,
            parent: started.parent_workflow_execution.clone(),
            root: started.root_workflow_execution.clone().unwrap_or(own),
            memo: self.info.memo.clone(),
            search_attributes: self.info.search_attributes.clone(),
            division: None,
        }
    }
}
