//! Visibility records as clients see them.

use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use crate::turns::TurnLimits;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::{Memo, Payload, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::workflow::v1::WorkflowExecutionInfo;
use atoll_rpc::wire_time;
use cell_visibility::{
    Attribute, Count, CountGroup, ExecutionRef, ListRequest, Page, Predicate, VisibilityError,
    VisibilityRecord, encode_search_attributes, encode_value,
};
use prost::Message;

use atoll_internal_api::duration;

/// Lists and counts: a store has few readers for all namespaces, and one may take them seconds.
pub(crate) const TURNS: TurnLimits = TurnLimits {
    at_once: 2,
    of_one_at_once: 1,
    of_one: 1_000,
    in_all: 4_000,
    refusal: "too many lists and counts wait to be answered",
};

impl Frontend {
    /// A page of what a filter finds in a namespace, when it is its tenant's turn.
    pub(crate) async fn list(&self, namespace: &Namespace, request: ListRequest<'_>) -> Result<Page, Status> {
        debug_assert_eq!(request.namespace_id, namespace.id);
        let place = self.lists.enter(namespace, 1)?;
        let _turn = place.turn().await;
        self.ports.visibility.list(request).await.map_err(status)
    }

    /// How many a filter finds, likewise.
    pub(crate) async fn count(
        &self,
        namespace: &Namespace,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, Status> {
        let place = self.lists.enter(namespace, 1)?;
        let _turn = place.turn().await;
        self.ports.visibility.count(namespace.id, predicate, group_by).await.map_err(status)
    }
}

/// A row of a list.
pub(crate) fn info(record: &VisibilityRecord) -> Result<WorkflowExecutionInfo, Status> {
    let memo = Memo::decode(record.memo.clone()).map_err(|_| Status::data_loss("a memo is damaged"))?;
    let reference = |it: &ExecutionRef| WorkflowExecution {
        workflow_id: it.workflow_id.clone(),
        run_id: it.run_id.to_string(),
    };
    let run_id = record.id.run_id().map(|run_id| run_id.to_string()).unwrap_or_default();
    let execution = WorkflowExecution { workflow_id: record.workflow_id.clone(), run_id };
    Ok(WorkflowExecutionInfo {
        root_execution: Some(record.root.as_ref().map_or_else(|| execution.clone(), reference)),
        execution: Some(execution),
        r#type: Some(WorkflowType { name: record.workflow_type.clone() }),
        start_time: Some(wire_time::from_nanos(record.start_time)),
        execution_time: Some(wire_time::from_nanos(record.execution_time)),
        close_time: record.close_time.map(wire_time::from_nanos),
        execution_duration: record.execution_duration.map(duration::from_nanos),
        status: record.status.number(),
        history_length: record.history_length.unwrap_or_default(),
        history_size_bytes: record.history_size_bytes.unwrap_or_default(),
        state_transition_count: record.state_transition_count.unwrap_or_default(),
        parent_execution: record.parent.as_ref().map(reference),
        memo: Some(memo),
        search_attributes: Some(encode_search_attributes(&record.search_attributes)),
        task_queue: record.task_queue.clone(),
        ..WorkflowExecutionInfo::default()
    })
}

/// A group of a count: its value, null as an empty payload, and how many are in it.
pub(crate) fn group(group: CountGroup) -> (Payload, i64) {
    (group.value.as_ref().map(encode_value).unwrap_or_default(), signed(group.count))
}

/// A count on the wire.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a client is told when the store does not answer.
pub(crate) fn status(error: VisibilityError) -> Status {
    match error {
        VisibilityError::Unavailable(_) => Status::unavailable(error.to_string()),
        VisibilityError::TooSlow(_) => Status::deadline_exceeded(error.to_string()),
        VisibilityError::Refused(_) => Status::internal(error.to_string()),
        VisibilityError::Corrupt(_) => Status::data_loss(error.to_string()),
    }
}
