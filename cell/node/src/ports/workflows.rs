//! Workflow executions.

use super::{history, query};
use crate::core::Core;
use crate::status::status;
use async_trait::async_trait;
use atoll_api::RawHistory;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::link::workflow_event::{EventReference, Reference};
use atoll_api::temporal::api::common::v1::link::{Variant, WorkflowEvent};
use atoll_api::temporal::api::common::v1::{Link, Payloads, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_engine::commands::{
    RequestCancelWorkflow, ResetStickyTaskQueue, SignalWithStart, SignalWorkflow, StartWorkflow,
    TerminateWorkflow,
};
use cell_engine::{Run, transient_tail};
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::{HistoryState, Workflows};
use cell_shard::{Awaited, Target};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// The `Workflows` port.
pub(crate) struct NodeWorkflows(pub(crate) Arc<Core>);

#[async_trait]
impl Workflows for NodeWorkflows {
    async fn start(
        &self,
        namespace: &Namespace,
        request: wf::StartWorkflowExecutionRequest,
    ) -> Result<wf::StartWorkflowExecutionResponse, Status> {
        let target = Target::current(namespace.id, request.workflow_id.as_str());
        let workflow_id = request.workflow_id.clone();
        let started = self.0.execute(&target, start_command(request)).await?;
        let run_id = started.run_id.to_string();
        let event = WorkflowEvent {
            namespace: namespace.name.to_string(),
            workflow_id,
            run_id: run_id.clone(),
            reference: Some(Reference::EventRef(EventReference {
                event_id: 1,
                event_type: EventType::WorkflowExecutionStarted as i32,
            })),
        };
        Ok(wf::StartWorkflowExecutionResponse {
            run_id,
            first_execution_run_id: String::new(),
            started: started.started,
            status: started.status as i32,
            eager_workflow_task: None,
            link: Some(Link { variant: Some(Variant::WorkflowEvent(event)) }),
        })
    }

    async fn signal(
        &self,
        namespace: &Namespace,
        request: wf::SignalWorkflowExecutionRequest,
    ) -> Result<wf::SignalWorkflowExecutionResponse, Status> {
        let target = addressed(namespace, request.workflow_execution.as_ref());
        let command = SignalWorkflow {
            name: request.signal_name,
            input: request.input,
            identity: request.identity,
            request_id: request.request_id,
            header: request.header,
            links: request.links,
            ..Default::default()
        };
        self.0.execute(&target, command).await?;
        Ok(wf::SignalWorkflowExecutionResponse::default())
    }

    async fn signal_with_start(
        &self,
        namespace: &Namespace,
        start: wf::StartWorkflowExecutionRequest,
        signal_name: String,
        signal_input: Option<Payloads>,
    ) -> Result<wf::SignalWithStartWorkflowExecutionResponse, Status> {
        let target = Target::current(namespace.id, start.workflow_id.as_str());
        let signal = SignalWorkflow {
            name: signal_name,
            input: signal_input,
            identity: start.identity.clone(),
            request_id: start.request_id.clone(),
            header: start.header.clone(),
            links: start.links.clone(),
            ..Default::default()
        };
        let started =
            self.0.execute(&target, SignalWithStart { start: start_command(start), signal }).await?;
        Ok(wf::SignalWithStartWorkflowExecutionResponse {
            run_id: started.run_id.to_string(),
            started: started.started,
            ..Default::default()
        })
    }

    async fn request_cancel(
        &self,
        namespace: &Namespace,
        request: wf::RequestCancelWorkflowExecutionRequest,
    ) -> Result<wf::RequestCancelWorkflowExecutionResponse, Status> {
        let target = addressed(namespace, request.workflow_execution.as_ref());
        let command = RequestCancelWorkflow {
            reason: request.reason,
            identity: request.identity,
            first_execution_run_id: chain(&request.first_execution_run_id)?,
            sender: None,
            links: request.links,
            by_policy: false,
        };
        self.0.execute(&target, command).await?;
        Ok(wf::RequestCancelWorkflowExecutionResponse::default())
    }

    async fn terminate(
        &self,
        namespace: &Namespace,
        request: wf::TerminateWorkflowExecutionRequest,
    ) -> Result<wf::TerminateWorkflowExecutionResponse, Status> {
        let target = addressed(namespace, request.workflow_execution.as_ref());
        let command = TerminateWorkflow {
            reason: request.reason,
            details: request.details,
            identity: request.identity,
            first_execution_run_id: chain(&request.first_execution_run_id)?,
            links: request.links,
            by_policy: false,
        };
        self.0.execute(&target, command).await?;
        Ok(wf::TerminateWorkflowExecutionResponse::default())
    }

    async fn describe(
        &self,
        namespace: &Namespace,
        request: wf::DescribeWorkflowExecutionRequest,
    ) -> Result<wf::DescribeWorkflowExecutionResponse, Status> {
        let target = addressed(namespace, request.execution.as_ref());
        let described = self.0.descriptions.of(&self.0, namespace, &target).await?;
        Ok(wf::DescribeWorkflowExecutionResponse {
            execution_config: Some(described.config),
            workflow_execution_info: Some(described.info),
            pending_activities: described.activities,
            pending_children: described.children,
            pending_workflow_task: described.task,
            workflow_extended_info: Some(described.extended),
            ..Default::default()
        })
    }

    async fn query(
        &self,
        namespace: &Namespace,
        request: wf::QueryWorkflowRequest,
        deadline: Instant,
    ) -> Result<wf::QueryWorkflowResponse, Status> {
        query::run(&self.0, namespace, request, deadline.into()).await
    }

    async fn reset_sticky(
        &self,
        namespace: &Namespace,
        request: wf::ResetStickyTaskQueueRequest,
    ) -> Result<wf::ResetStickyTaskQueueResponse, Status> {
        let target = addressed(namespace, request.execution.as_ref());
        self.0.execute(&target, ResetStickyTaskQueue).await?;
        Ok(wf::ResetStickyTaskQueueResponse::default())
    }

    async fn history_state(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Option<Uuid>,
    ) -> Result<HistoryState, Status> {
        let target = Target::new(namespace.id, workflow_id, run_id);
        let state = |run: &Run| HistoryState {
            run_id: run.run_id(),
            last_event_id: run.next_event_id() - 1,
            closed: run.closed(),
            transient: transient_tail(run),
        };
        self.0.look(&target, state).await
    }

    async fn history_page(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        first: i64,
        last: i64,
    ) -> Result<(RawHistory, i64), Status> {
        let target = Target::run(namespace.id, workflow_id, run_id);
        history::page(&self.0, &target, first, last).await
    }

    async fn history_batches(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        first: i64,
        last: i64,
        batches: usize,
    ) -> Result<(RawHistory, i64), Status> {
        let target = Target::run(namespace.id, workflow_id, run_id);
        history::batches(&self.0, &target, first, last, batches).await
    }

    async fn history_batches_before(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        newest: i64,
        batches: usize,
    ) -> Result<(RawHistory, i64), Status> {
        let target = Target::run(namespace.id, workflow_id, run_id);
        history::batches_before(&self.0, &target, newest, batches).await
    }

    async fn wait_for_history(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        last_event_id: i64,
        deadline: Instant,
    ) -> Result<HistoryState, Status> {
        let target = Target::run(namespace.id, workflow_id, run_id);
        loop {
            let unchanged = |view: cell_engine::View<'_>| {
                view.run.is_some_and(|run| !run.closed() && run.next_event_id() - 1 <= last_event_id)
            };
            let awaited = if last_event_id == i64::MAX { Awaited::Close } else { Awaited::Change };
            let changed = self.0.shards.watch(&target, awaited, unchanged).await;
            let changed = changed.map_err(|e| status(e, &target))?;
            let timed_out = match changed {
                Some(changed) => tokio::time::timeout_at(deadline.into(), changed).await.is_err(),
                None => true,
            };
            let state = self.history_state(namespace, workflow_id, Some(run_id)).await?;
            if timed_out || state.closed || state.last_event_id > last_event_id {
                return Ok(state);
            }
        }
    }
}

/// The chain that a request is about, by its first run; nil where it names none. A text that is no run id names a chain
/// that does not exist.
fn chain(first_execution_run_id: &str) -> Result<Uuid, Status> {
    match first_execution_run_id {
        "" => Ok(Uuid::nil()),
        id => Uuid::parse_str(id).map_err(|_| crate::status::not_found("workflow execution not found")),
    }
}

/// What a request addresses.
fn addressed(namespace: &Namespace, execution: Option<&WorkflowExecution>) -> Target {
    let (workflow_id, run_id) = execution.map_or(("", ""), |e| (e.workflow_id.as_str(), e.run_id.as_str()));
    Core::target(namespace.id, workflow_id, run_id)
}

fn start_command(request: wf::StartWorkflowExecutionRequest) -> StartWorkflow {
    StartWorkflow {
        request_id: request.request_id,
        workflow_type: request.workflow_type,
        task_queue: request.task_queue,
        input: request.input,
        execution_timeout: request.workflow_execution_timeout,
        run_timeout: request.workflow_run_timeout,
        task_timeout: request.workflow_task_timeout,
        identity: request.identity,
        id_reuse_policy: request.workflow_id_reuse_policy,
        id_conflict_policy: request.workflow_id_conflict_policy,
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        priority: request.priority,
        retry_policy: request.retry_policy,
        user_metadata: request.user_metadata,
        links: request.links,
        last_completion_result: request.last_completion_result,
        continued_failure: request.continued_failure,
        parent: None,
        listener: None,
        first_signal: None,
        finds_only: false,
    }
}
