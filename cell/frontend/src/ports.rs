//! What the frontend needs from the rest of a cell.
//!
//! The node implements these over shards and matching, in this process or in another one. Requests
//! arrive validated, with the namespace resolved; answers are durable.

use crate::namespaces::Namespace;
use async_trait::async_trait;
use atoll_api::call::{Bytes, CallContext, Handover, Status};
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// The first of an answer's commands whose search attributes are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSearchAttributes {
    /// Which command.
    pub index: usize,
    /// What is wrong.
    pub complaint: String,
}

/// An answer, and what was done for whoever gets it: lost, unless that is passed on to who carries the answer.
#[derive(Debug)]
pub struct Handed<T> {
    /// The answer.
    pub answer: T,
    /// What was done.
    pub handover: Handover,
}

impl<T> Handed<T> {
    /// An answer for which nothing was done that its caller alone has.
    pub fn nothing_with(answer: T) -> Self {
        Self { answer, handover: Handover::nothing() }
    }

    /// The answer; the call keeps the rest.
    pub(crate) fn leave_with(self, ctx: &CallContext) -> T {
        ctx.hand_over(self.handover);
        self.answer
    }
}

/// Workflow executions.
#[async_trait]
pub trait Workflows: Send + Sync + 'static {
    /// `StartWorkflowExecution`; the request id is set.
    async fn start(
        &self,
        namespace: &Namespace,
        request: wf::StartWorkflowExecutionRequest,
    ) -> Result<wf::StartWorkflowExecutionResponse, Status>;

    /// `SignalWorkflowExecution`; the request id is set.
    async fn signal(
        &self,
        namespace: &Namespace,
        request: wf::SignalWorkflowExecutionRequest,
    ) -> Result<wf::SignalWorkflowExecutionResponse, Status>;

    /// `SignalWithStartWorkflowExecution`, as the start that it may come to (request id set) and the signal.
    async fn signal_with_start(
        &self,
        namespace: &Namespace,
        start: wf::StartWorkflowExecutionRequest,
        signal_name: String,
        signal_input: Option<Payloads>,
    ) -> Result<wf::SignalWithStartWorkflowExecutionResponse, Status>;

    /// `RequestCancelWorkflowExecution`; the request id is set.
    async fn request_cancel(
        &self,
        namespace: &Namespace,
        request: wf::RequestCancelWorkflowExecutionRequest,
    ) -> Result<wf::RequestCancelWorkflowExecutionResponse, Status>;

    /// `TerminateWorkflowExecution`.
    async fn terminate(
        &self,
        namespace: &Namespace,
        request: wf::TerminateWorkflowExecutionRequest,
    ) -> Result<wf::TerminateWorkflowExecutionResponse, Status>;

    /// `DescribeWorkflowExecution`.
    async fn describe(
        &self,
        namespace: &Namespace,
        request: wf::DescribeWorkflowExecutionRequest,
    ) -> Result<wf::DescribeWorkflowExecutionResponse, Status>;

    /// `QueryWorkflow`; waits until the deadline for a worker's answer.
    async fn query(
        &self,
        namespace: &Namespace,
        request: wf::QueryWorkflowRequest,
        deadline: Instant,
    ) -> Result<wf::QueryWorkflowResponse, Status>;

    /// `ResetStickyTaskQueue`.
    async fn reset_sticky(
        &self,
        namespace: &Namespace,
        request: wf::ResetStickyTaskQueueRequest,
    ) -> Result<wf::ResetStickyTaskQueueResponse, Status>;

    /// The run that a history read is about and what it holds now. An empty run id names the
    /// current run. NOT_FOUND when there is none.
    async fn history_state(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Option<Uuid>,
    ) -> Result<HistoryState, Status>;

    /// Events `[first, last]` of a run, as far as one page goes: encoded chunks and the last event
    /// id in them.
    async fn history_page(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        first: i64,
        last: i64,
    ) -> Result<(atoll_api::RawHistory, i64), Status>;

    /// Like [`history_page`](Self::history_page), but ends after `batches` batches at the latest: the events of one
    /// transaction, which are never split.
    async fn history_batches(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        first: i64,
        last: i64,
        batches: usize,
    ) -> Result<(atoll_api::RawHistory, i64), Status>;

    /// The last `batches` whole batches that end at event `newest`, or fewer, in history's order, with the first event
    /// in them; `newest + 1` when there is none.
    async fn history_batches_before(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        newest: i64,
        batches: usize,
    ) -> Result<(atoll_api::RawHistory, i64), Status>;

    /// Returns when the run has events after `last_event_id` or is closed, or at the deadline. With `i64::MAX` nothing
    /// but the close counts, and nothing else wakes the caller.
    async fn wait_for_history(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        last_event_id: i64,
        deadline: Instant,
    ) -> Result<HistoryState, Status>;
}

/// What a run's history holds.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryState {
    /// The run.
    pub run_id: Uuid,
    /// Last event id in history.
    pub last_event_id: i64,
    /// Whether the run is closed (its last event is the closing one).
    pub closed: bool,
    /// Encoded events of a transient workflow task, which stand behind the history for SDKs only.
    pub transient: Vec<bytes::Bytes>,
}

/// Workflow tasks and queries, from the worker's side.
#[async_trait]
pub trait WorkflowTasks: Send + Sync + 'static {
    /// `PollWorkflowTaskQueue`; an empty answer at the deadline. Dropping the future loses no task, nor does an answer
    /// whose hand-over is lost.
    async fn poll(
        &self,
        namespace: &Namespace,
        request: wf::PollWorkflowTaskQueueRequest,
        deadline: Instant,
    ) -> Result<Handed<wf::PollWorkflowTaskQueueResponse>, Status>;

    /// `RespondWorkflowTaskCompleted`. A command whose search attributes are bad fails the task, in its turn. What is
    /// completed stays so; the next task, where the answer brings it, is handed over.
    async fn complete(
        &self,
        namespace: &Namespace,
        request: wf::RespondWorkflowTaskCompletedRequest,
        bad_search_attributes: Option<BadSearchAttributes>,
    ) -> Result<Handed<wf::RespondWorkflowTaskCompletedResponse>, Status>;

    /// Refuses an answer to a workflow task that has more commands than a history has room for. `task_token` is the
    /// answer's. The run is terminated; what is answered says why.
    async fn too_many_commands(&self, namespace: &Namespace, task_token: &Bytes) -> Status;

    /// `RespondWorkflowTaskFailed`.
    async fn fail(
        &self,
        namespace: &Namespace,
        request: wf::RespondWorkflowTaskFailedRequest,
    ) -> Result<wf::RespondWorkflowTaskFailedResponse, Status>;

    /// `RespondQueryTaskCompleted`.
    async fn complete_query(
        &self,
        namespace: &Namespace,
        request: wf::RespondQueryTaskCompletedRequest,
    ) -> Result<wf::RespondQueryTaskCompletedResponse, Status>;
}

/// Activity tasks, from the worker's side.
#[async_trait]
pub trait ActivityTasks: Send + Sync + 'static {
    /// `PollActivityTaskQueue`; an empty answer at the deadline. Dropping the future loses no task, nor does an answer
    /// whose hand-over is lost.
    async fn poll(
        &self,
        namespace: &Namespace,
        request: wf::PollActivityTaskQueueRequest,
        deadline: Instant,
    ) -> Result<Handed<wf::PollActivityTaskQueueResponse>, Status>;

    /// `RecordActivityTaskHeartbeat`.
    async fn heartbeat(
        &self,
        namespace: &Namespace,
        request: wf::RecordActivityTaskHeartbeatRequest,
    ) -> Result<wf::RecordActivityTaskHeartbeatResponse, Status>;

    /// `RecordActivityTaskHeartbeatById`.
    async fn heartbeat_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RecordActivityTaskHeartbeatByIdRequest,
    ) -> Result<wf::RecordActivityTaskHeartbeatByIdResponse, Status>;

    /// `RespondActivityTaskCompleted`.
    async fn complete(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskCompletedRequest,
    ) -> Result<wf::RespondActivityTaskCompletedResponse, Status>;

    /// `RespondActivityTaskCompletedById`.
    async fn complete_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskCompletedByIdRequest,
    ) -> Result<wf::RespondActivityTaskCompletedByIdResponse, Status>;

    /// `RespondActivityTaskFailed`.
    async fn fail(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskFailedRequest,
    ) -> Result<wf::RespondActivityTaskFailedResponse, Status>;

    /// `RespondActivityTaskFailedById`.
    async fn fail_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskFailedByIdRequest,
    ) -> Result<wf::RespondActivityTaskFailedByIdResponse, Status>;

    /// `RespondActivityTaskCanceled`.
    async fn cancel(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskCanceledRequest,
    ) -> Result<wf::RespondActivityTaskCanceledResponse, Status>;

    /// `RespondActivityTaskCanceledById`.
    async fn cancel_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskCanceledByIdRequest,
    ) -> Result<wf::RespondActivityTaskCanceledByIdResponse, Status>;
}

/// Task queues and workers.
#[async_trait]
pub trait TaskQueues: Send + Sync + 'static {
    /// `DescribeTaskQueue`.
    async fn describe(
        &self,
        namespace: &Namespace,
        request: wf::DescribeTaskQueueRequest,
    ) -> Result<wf::DescribeTaskQueueResponse, Status>;

    /// `ShutdownWorker`: ends the worker's polls and gives up its sticky queue.
    async fn shutdown_worker(
        &self,
        namespace: &Namespace,
        request: wf::ShutdownWorkerRequest,
    ) -> Result<wf::ShutdownWorkerResponse, Status>;
}

/// Schedules.
///
/// The schedules of requests are settled: they are there, their specs are canonical and compile, and nothing in their
/// actions is what every start would be refused for. Search attributes have their types.
#[async_trait]
pub trait Schedules: Send + Sync + 'static {
    /// `CreateSchedule`; the request id is set. A repetition of the request id answers as the first time.
    async fn create(
        &self,
        namespace: &Namespace,
        request: wf::CreateScheduleRequest,
    ) -> Result<wf::CreateScheduleResponse, Status>;

    /// `DescribeSchedule`; the spec as it is stored, the memo and the search attributes as the caller gave them.
    async fn describe(
        &self,
        namespace: &Namespace,
        request: wf::DescribeScheduleRequest,
    ) -> Result<wf::DescribeScheduleResponse, Status>;

    /// `UpdateSchedule`; the request id is set, the memo is not. A conflict token shorter than eight bytes stands for
    /// none.
    async fn update(
        &self,
        namespace: &Namespace,
        request: wf::UpdateScheduleRequest,
    ) -> Result<wf::UpdateScheduleResponse, Status>;

    /// `PatchSchedule`; the request id, the patch, and the scheduled time of what it triggers are set.
    async fn patch(
        &self,
        namespace: &Namespace,
        request: wf::PatchScheduleRequest,
    ) -> Result<wf::PatchScheduleResponse, Status>;

    /// `DeleteSchedule`.
    async fn delete(
        &self,
        namespace: &Namespace,
        request: wf::DeleteScheduleRequest,
    ) -> Result<wf::DeleteScheduleResponse, Status>;

    /// `ListScheduleMatchingTimes`; both bounds are set.
    async fn list_matching_times(
        &self,
        namespace: &Namespace,
        request: wf::ListScheduleMatchingTimesRequest,
    ) -> Result<wf::ListScheduleMatchingTimesResponse, Status>;
}

/// Writes namespaces that tenants manage through the cell itself. Only a lone cell has it: under a
/// control plane the cell's namespaces change through `CellAdmin` alone.
#[async_trait]
pub trait NamespaceWriter: Send + Sync + 'static {
    /// Creates a namespace; false where one of its name exists. Of several calls with one name, one creates it, also
    /// where a caller leaves before it is answered.
    async fn create(&self, namespace: Arc<Namespace>) -> Result<bool, Status>;

    /// Replaces a namespace record; its generation rises by one with every change.
    async fn write(&self, namespace: Arc<Namespace>) -> Result<(), Status>;
}

/// The ports, as the frontend holds them.
#[derive(Clone)]
pub struct Ports {
    /// Workflow executions.
    pub workflows: Arc<dyn Workflows>,
    /// Workflow tasks.
    pub workflow_tasks: Arc<dyn WorkflowTasks>,
    /// Activity tasks.
    pub activity_tasks: Arc<dyn ActivityTasks>,
    /// Task queues.
    pub task_queues: Arc<dyn TaskQueues>,
    /// Schedules.
    pub schedules: Arc<dyn Schedules>,
    /// Lists and counts.
    pub visibility: Arc<dyn cell_visibility::VisibilityStore>,
    /// Present in a lone cell.
    pub namespace_writer: Option<Arc<dyn NamespaceWriter>>,
}
