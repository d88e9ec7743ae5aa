//! Activity tasks, from the worker's side.

mod named;

use super::handover::{not_started, poller, record, run_of, still_there};
use super::workflow_tasks::{execution, version};
use crate::core::Core;
use crate::status::too_many_queues;
use async_trait::async_trait;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::{Payloads, WorkerVersionStamp, WorkflowType};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_internal_api::cell::v1::ActivityTaskToken;
use bytes::Bytes;
use cell_engine::commands::{
    ActivityRef, RecordActivityHeartbeat, RecordActivityStarted, RespondActivityCanceled,
    RespondActivityCompleted, RespondActivityFailed, RevokeActivityStart, StartedActivity,
};
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::{ActivityTasks, Handed};
use cell_matching::{PollOutcome, TaskLease, TaskQueueKey, TaskType};
use cell_shard::Target;
use named::Named;
use prost::Message;
use std::sync::Arc;
use std::time::Instant;

/// The `ActivityTasks` port.
pub(crate) struct NodeActivityTasks(pub(crate) Arc<Core>);

#[async_trait]
impl ActivityTasks for NodeActivityTasks {
    async fn poll(
        &self,
        namespace: &Namespace,
        request: wf::PollActivityTaskQueueRequest,
        deadline: Instant,
    ) -> Result<Handed<wf::PollActivityTaskQueueResponse>, Status> {
        let queue = request.task_queue.clone().unwrap_or_default();
        let key = TaskQueueKey::normal(namespace.id, queue.name.as_str(), TaskType::Activity);
        let mut poller = poller(&request.identity, &request.worker_instance_key, deadline);
        poller.rate_per_second = request.task_queue_metadata.as_ref().and_then(|m| m.max_tasks_per_second);
        loop {
            match self.0.matching.poll(&key, poller.clone()).await {
                PollOutcome::Task(lease) => {
                    still_there().await;
                    // Apart, so that a parked poll is no larger than waiting takes.
                    if let Some(answer) = Box::pin(self.take(namespace, lease, &request)).await {
                        return Ok(answer);
                    }
                }
                // Queries go to workflow queues only.
                PollOutcome::Query(lease) => lease.give_back(),
                PollOutcome::Empty | PollOutcome::ShutDown => {
                    return Ok(Handed::nothing_with(wf::PollActivityTaskQueueResponse::default()));
                }
                PollOutcome::Moved => return Err(Status::unavailable("task queue partition moved")),
                PollOutcome::TooManyQueues => return Err(too_many_queues()),
            }
        }
    }

    async fn heartbeat(
        &self,
        _namespace: &Namespace,
        request: wf::RecordActivityTaskHeartbeatRequest,
    ) -> Result<wf::RecordActivityTaskHeartbeatResponse, Status> {
        let named = Named::by_token(&request.task_token)?;
        let cancel_requested = self.record_heartbeat(named, request.details).await?;
        Ok(wf::RecordActivityTaskHeartbeatResponse { cancel_requested, ..Default::default() })
    }

    async fn heartbeat_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RecordActivityTaskHeartbeatByIdRequest,
    ) -> Result<wf::RecordActivityTaskHeartbeatByIdResponse, Status> {
        let named = Named::by_id(namespace, &request.workflow_id, &request.run_id, request.activity_id);
        let cancel_requested = self.record_heartbeat(named, request.details).await?;
        Ok(wf::RecordActivityTaskHeartbeatByIdResponse { cancel_requested, ..Default::default() })
    }

    async fn complete(
        &self,
        _namespace: &Namespace,
        request: wf::RespondActivityTaskCompletedRequest,
    ) -> Result<wf::RespondActivityTaskCompletedResponse, Status> {
        let named = Named::by_token(&request.task_token)?;
        self.record_completion(named, request.result, request.identity).await?;
        Ok(wf::RespondActivityTaskCompletedResponse::default())
    }

    async fn complete_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskCompletedByIdRequest,
    ) -> Result<wf::RespondActivityTaskCompletedByIdResponse, Status> {
        let named = Named::by_id(namespace, &request.workflow_id, &request.run_id, request.activity_id);
        self.record_completion(named, request.result, request.identity).await?;
        Ok(wf::RespondActivityTaskCompletedByIdResponse::default())
    }

    async fn fail(
        &self,
        _namespace: &Namespace,
        request: wf::RespondActivityTaskFailedRequest,
    ) -> Result<wf::RespondActivityTaskFailedResponse, Status> {
        let named = Named::by_token(&request.task_token)?;
        let heartbeat = request.last_heartbeat_details;
        self.record_failure(named, request.failure, request.identity, heartbeat).await?;
        Ok(wf::RespondActivityTaskFailedResponse::default())
    }

    async fn fail_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskFailedByIdRequest,
    ) -> Result<wf::RespondActivityTaskFailedByIdResponse, Status> {
        let named = Named::by_id(namespace, &request.workflow_id, &request.run_id, request.activity_id);
        let heartbeat = request.last_heartbeat_details;
        self.record_failure(named, request.failure, request.identity, heartbeat).await?;
        Ok(wf::RespondActivityTaskFailedByIdResponse::default())
    }

    async fn cancel(
        &self,
        _namespace: &Namespace,
        request: wf::RespondActivityTaskCanceledRequest,
    ) -> Result<wf::RespondActivityTaskCanceledResponse, Status> {
        let named = Named::by_token(&request.task_token)?;
        self.record_cancellation(named, request.details, request.identity).await?;
        Ok(wf::RespondActivityTaskCanceledResponse::default())
    }

    async fn cancel_by_id(
        &self,
        namespace: &Namespace,
        request: wf::RespondActivityTaskCanceledByIdRequest,
    ) -> Result<wf::RespondActivityTaskCanceledByIdResponse, Status> {
        let named = Named::by_id(namespace, &request.workflow_id, &request.run_id, request.activity_id);
        self.record_cancellation(named, request.details, request.identity).await?;
        Ok(wf::RespondActivityTaskCanceledByIdResponse::default())
    }
}

impl NodeActivityTasks {
    /// Records the start of a matched task, durably before the worker sees it. `None` when it was void: poll on.
    async fn take(
        &self,
        namespace: &Namespace,
        lease: TaskLease,
        request: &wf::PollActivityTaskQueueRequest,
    ) -> Option<Handed<wf::PollActivityTaskQueueResponse>> {
        let task = lease.task().clone();
        let Some(target) = run_of(&task) else {
            lease.discard();
            return None;
        };
        let command = RecordActivityStarted {
            scheduled_event_id: task.scheduled_event_id,
            stamp: task.stamp,
            request_id: self.0.new_id().to_string(),
            identity: request.identity.clone(),
            worker_version: stamp(request),
        };
        let undo = |started: &StartedActivity| {
            Some(RevokeActivityStart(ActivityRef::Token {
                scheduled_event_id: task.scheduled_event_id,
                attempt: started.attempt,
                nonce: started.nonce,
            }))
        };
        match record(&self.0, &target, command, undo).await {
            Ok((started, handover)) => {
                lease.accept();
                let answer = answer(namespace, &target, task.scheduled_event_id, started);
                Some(Handed { answer, handover })
            }
            Err(error) => {
                not_started(lease, error).await;
                None
            }
        }
    }

    async fn record_heartbeat(
        &self,
        Named { target, activity }: Named,
        details: Option<Payloads>,
    ) -> Result<bool, Status> {
        let command = RecordActivityHeartbeat { activity, details };
        let reply = self.0.execute(&target, command).await?;
        Ok(reply.cancel_requested)
    }

    async fn record_completion(
        &self,
        Named { target, activity }: Named,
        result: Option<Payloads>,
        identity: String,
    ) -> Result<(), Status> {
        let command = RespondActivityCompleted { activity, result, identity };
        self.0.execute(&target, command).await
    }

    async fn record_failure(
        &self,
        Named { target, activity }: Named,
        failure: Option<Failure>,
        identity: String,
        last_heartbeat_details: Option<Payloads>,
    ) -> Result<(), Status> {
        let command = RespondActivityFailed { activity, failure, identity, last_heartbeat_details };
        self.0.execute(&target, command).await
    }

    async fn record_cancellation(
        &self,
        Named { target, activity }: Named,
        details: Option<Payloads>,
        identity: String,
    ) -> Result<(), Status> {
        let command = RespondActivityCanceled { activity, details, identity };
        self.0.execute(&target, command).await
    }
}

fn answer(
    namespace: &Namespace,
    target: &Target,
    scheduled_event_id: i64,
    started: StartedActivity,
) -> wf::PollActivityTaskQueueResponse {
    let run_id = target.run_id.unwrap_or_default();
    let scheduled = started.scheduled;
    let token = ActivityTaskToken {
        namespace_id: Bytes::copy_from_slice(target.namespace_id.as_bytes()),
        workflow_id: target.workflow_id.to_string(),
        run_id: Bytes::copy_from_slice(run_id.as_bytes()),
        scheduled_event_id,
        activity_id: scheduled.activity_id.clone(),
        attempt: started.attempt,
        start_nonce: started.nonce,
    };
    wf::PollActivityTaskQueueResponse {
        task_token: token.encode_to_vec().into(),
        workflow_namespace: namespace.name.to_string(),
        workflow_type: Some(WorkflowType { name: started.workflow_type }),
        workflow_execution: Some(execution(target)),
        activity_type: scheduled.activity_type,
        activity_id: scheduled.activity_id,
        header: scheduled.header,
        input: scheduled.input,
        heartbeat_details: started.heartbeat_details,
        scheduled_time: Some(started.first_scheduled_at.to_proto()),
        current_attempt_scheduled_time: Some(started.scheduled_at.to_proto()),
        started_time: Some(started.started_at.to_proto()),
        attempt: started.attempt,
        schedule_to_close_timeout: scheduled.schedule_to_close_timeout,
        start_to_close_timeout: scheduled.start_to_close_timeout,
        heartbeat_timeout: scheduled.heartbeat_timeout,
        retry_policy: scheduled.retry_policy,
        priority: started.priority,
        ..Default::default()
    }
}

#[allow(deprecated, reason = "SDKs still send worker_version_capabilities")]
fn stamp(request: &wf::PollActivityTaskQueueRequest) -> Option<WorkerVersionStamp> {
    request.worker_version_capabilities.as_ref().and_then(version)
}
