//! `QueryWorkflow`: on an idle or closed run directly, on a busy one with its next workflow task.

use crate::core::Core;
use crate::status::{exhausted, not_ready, query_status, status};
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::{
    QueryRejectCondition, QueryResultType, ResourceExhaustedCause, WorkflowExecutionStatus,
};
use atoll_api::temporal::api::errordetails::v1::QueryFailedFailure;
use atoll_api::temporal::api::query::v1::{QueryRejected, WorkflowQueryResult};
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_internal_api::values::Values;
use bytes::Bytes;
use cell_engine::{Run, Time};
use cell_frontend::namespaces::Namespace;
use cell_matching::{QueryError, QueryTask, TaskQueueKey, TaskType};
use cell_memory::{Budget, NamespaceShares, Owner};
use cell_shard::{Awaited, Target};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// The query that SDKs ask of themselves; it is not billed.
const FREE_QUERY: &str = "__temporal_workflow_metadata";
/// How long the sticky worker has before the query goes to the normal queue.
const STICKY_PATIENCE: Duration = Duration::from_secs(5);
/// From this attempt of its workflow task on a run is not asked: the worker would fail the query as it fails the task.
const FAILING_ATTEMPT: i32 = 3;

/// What a query needs to know of its run.
struct Seen {
    run_id: Uuid,
    status: WorkflowExecutionStatus,
    closed: bool,
    has_completed_task: bool,
    task_pending: bool,
    /// Attempt of the workflow task; 0 where there is none.
    attempt: i32,
    /// When the first workflow task is scheduled, where it waits for its time.
    first_task_at: Option<Time>,
    sticky: Option<String>,
    queue: String,
}

impl Seen {
    fn of(run: &Run) -> Self {
        Self {
            run_id: run.run_id(),
            status: run.status(),
            closed: run.closed(),
            has_completed_task: run.has_completed_task(),
            task_pending: !run.workflow_task().is_none(),
            attempt: run.workflow_task().scheduled().map_or(0, |task| task.attempt),
            first_task_at: run.first_task_at(),
            sticky: run.sticky_queue().map(str::to_owned),
            queue: run.task_queue().to_owned(),
        }
    }
}

/// Part of the memory budget that waiting queries have at most, in so many.
const PARTS: usize = 16;
/// What a query takes beside its own bytes, by and large: its place, its call.
const PLACE_BYTES: usize = 4 << 10;

/// Room for queries that wait for their workers.
pub(crate) fn query_room(memory: &Arc<Budget>) -> Arc<NamespaceShares> {
    NamespaceShares::new(memory, Owner::Queries, PARTS)
}

/// Asks the run, again after every change that could give an answer, until the deadline.
pub(super) async fn run(
    core: &Core,
    namespace: &Namespace,
    request: wf::QueryWorkflowRequest,
    deadline: Instant,
) -> Result<wf::QueryWorkflowResponse, Status> {
    let bytes = request.query.as_ref().map_or(0, |query| query.encoded_len() + query.tally().spread);
    // As it came, and as it goes to a worker.
    let Some(_place) = core.query_room.take(namespace.id, PLACE_BYTES + 2 * bytes) else {
        return Err(exhausted(
            "too many bytes of queries wait for their workers".to_owned(),
            ResourceExhaustedCause::ConcurrentLimit,
        ));
    };
    let execution = request.execution.clone().unwrap_or_default();
    let mut target = Core::target(namespace.id, &execution.workflow_id, &execution.run_id);
    loop {
        let seen = core.look(&target, Seen::of).await?;
        // What is asked now is asked of this run, whatever becomes current later.
        target.run_id = Some(seen.run_id);
        if rejects(request.query_reject_condition(), &seen) {
            let query_rejected = Some(QueryRejected { status: seen.status as i32 });
            return Ok(wf::QueryWorkflowResponse { query_rejected, ..Default::default() });
        }
        if seen.closed && !seen.has_completed_task {
            return Err(not_ready("Workflow execution closed before WorkflowTaskStarted event"));
        }
        if seen.first_task_at.is_some_and(|at| is_past(core, at, deadline)) {
            return Err(not_ready("Workflow task is not scheduled yet."));
        }
        if seen.attempt >= FAILING_ATTEMPT {
            return Err(not_ready("Unable to query workflow due to Workflow Task in failed state."));
        }
        let answer = if seen.closed || (seen.has_completed_task && !seen.task_pending) {
            Some(directly(core, &target, &seen, &request, deadline).await?)
        } else {
            with_a_task(core, &target, &seen, &request, deadline).await?
        };
        if let Some(answer) = answer {
            if request.query.as_ref().is_some_and(|query| query.query_type != FREE_QUERY) {
                let namespace_id = namespace.id;
                core.shards.record_usage(&target, |now| metering_rules::query(namespace_id, now.millis()));
            }
            return answered(answer);
        }
        if Instant::now() >= deadline {
            return Err(Status::deadline_exceeded("query timed out before a worker answered"));
        }
    }
}

/// Whether a time of the shards is behind the caller's deadline.
fn is_past(core: &Core, at: Time, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    at.0.saturating_sub(core.shards.wall_time().0) > i64::try_from(left.as_nanos()).unwrap_or(i64::MAX)
}

fn rejects(condition: QueryRejectCondition, seen: &Seen) -> bool {
    match condition {
        QueryRejectCondition::NotOpen => seen.closed,
        QueryRejectCondition::NotCompletedCleanly => {
            seen.closed && seen.status != WorkflowExecutionStatus::Completed
        }
        QueryRejectCondition::None | QueryRejectCondition::Unspecified => false,
    }
}

/// Through matching: first to the worker that has the run cached, then to any.
async fn directly(
    core: &Core,
    target: &Target,
    seen: &Seen,
    request: &wf::QueryWorkflowRequest,
    deadline: Instant,
) -> Result<WorkflowQueryResult, Status> {
    if let Some(sticky) = &seen.sticky {
        let key = TaskQueueKey::sticky(target.namespace_id, sticky.as_str());
        let patience = deadline.saturating_duration_since(Instant::now()).min(STICKY_PATIENCE);
        match dispatch(core, &key, target, seen, request, patience).await {
            Err(QueryError::NoPoller | QueryError::Timeout | QueryError::Moved) => {}
            outcome => return outcome.map_err(query_status).and_then(decoded),
        }
    }
    let key = TaskQueueKey::normal(target.namespace_id, seen.queue.as_str(), TaskType::Workflow);
    let patience = deadline.saturating_duration_since(Instant::now());
    let outcome = dispatch(core, &key, target, seen, request, patience).await;
    outcome.map_err(query_status).and_then(decoded)
}

async fn dispatch(
    core: &Core,
    key: &TaskQueueKey,
    target: &Target,
    seen: &Seen,
    request: &wf::QueryWorkflowRequest,
    patience: Duration,
) -> Result<Bytes, QueryError> {
    let task = QueryTask {
        query_id: core.new_id(),
        namespace_id: target.namespace_id,
        workflow_id: target.workflow_id.clone(),
        run_id: seen.run_id,
        payload: request.query.clone().unwrap_or_default().encode_to_vec().into(),
    };
    core.matching.dispatch_query(key, task, patience).await
}

/// What a worker sent to `RespondQueryTaskCompleted`.
fn decoded(answer: Bytes) -> Result<WorkflowQueryResult, Status> {
    let answer = wf::RespondQueryTaskCompletedRequest::decode(answer)
        .map_err(|error| Status::internal(format!("query answer does not decode: {error}")))?;
    Ok(WorkflowQueryResult {
        result_type: answer.completed_type,
        answer: answer.query_result,
        error_message: answer.error_message,
        failure: answer.failure,
    })
}

/// A query's place among those that wait for a workflow task, given up when its client goes away too.
struct Waiting<'a> {
    core: &'a Core,
    run_id: Uuid,
    id: &'a str,
}

impl Waiting<'_> {
    /// Gives the place up; false when the answer is on its way after all.
    fn withdraw(&self) -> bool {
        self.core.queries.withdraw(self.run_id, self.id)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.core.queries.forget(self.run_id, self.id);
    }
}

/// With the workflow task that is pending. `None` when the run changed without an answer: look again.
async fn with_a_task(
    core: &Core,
    target: &Target,
    seen: &Seen,
    request: &wf::QueryWorkflowRequest,
    deadline: Instant,
) -> Result<Option<WorkflowQueryResult>, Status> {
    let id = core.new_id().to_string();
    let query = request.query.clone().unwrap_or_default();
    let Some(mut answer) = core.queries.add(seen.run_id, &id, query) else {
        let text = "consistent query buffer is full, this may be caused by too many queries and workflow not able to \
                    process query fast enough";
        return Err(exhausted(text.to_owned(), ResourceExhaustedCause::BusyWorkflow));
    };
    let waiting = Waiting { core, run_id: seen.run_id, id: &id };
    loop {
        let busy = |view: cell_engine::View<'_>| {
            view.run.is_some_and(|run| {
                !run.closed() && (!run.workflow_task().is_none() || !run.has_completed_task())
            })
        };
        let changed =
            core.shards.watch(target, Awaited::Change, busy).await.map_err(|e| status(e, target))?;
        let Some(changed) = changed else {
            // The task is gone. Either the answer is on its way, or the query goes directly.
            if waiting.withdraw() {
                return Ok(None);
            }
            return Ok(tokio::time::timeout_at(deadline, &mut answer).await.ok().and_then(Result::ok));
        };
        tokio::select! {
            biased;
            answered = &mut answer => return Ok(answered.ok()),
            _ = changed => {}
            () = tokio::time::sleep_until(deadline) => {
                return Err(Status::deadline_exceeded("query timed out before a worker answered"));
            }
        }
    }
}

fn answered(answer: WorkflowQueryResult) -> Result<wf::QueryWorkflowResponse, Status> {
    if answer.result_type == QueryResultType::Failed as i32 {
        let failure = QueryFailedFailure { failure: answer.failure };
        return Err(Status::invalid_argument(answer.error_message).with_detail(&failure));
    }
    Ok(wf::QueryWorkflowResponse { query_result: answer.answer, ..Default::default() })
}
