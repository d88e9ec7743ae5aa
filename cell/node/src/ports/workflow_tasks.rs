//! Workflow tasks and queries, from the worker's side.

#[cfg(test)]
mod tests;

use super::handover::{not_started, poller, record, run_of, still_there};
use super::history::PAGE_BYTES;
use crate::core::Core;
use crate::status::{bad_task_token, status, too_many_queues};
use async_trait::async_trait;
use atoll_api::RawHistory;
use atoll_api::call::{Fate, Handover, Status};
use atoll_api::temporal::api::common::v1::{
    WorkerVersionCapabilities, WorkerVersionStamp, WorkflowExecution, WorkflowType,
};
use atoll_api::temporal::api::enums::v1::TaskQueueKind;
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_internal_api::cell::v1::{QueryTaskToken, WorkflowTaskToken};
use atoll_internal_api::duration;
use bytes::Bytes;
use cell_engine::commands::{
    CompleteAndTakeNext, RecordWorkflowTaskStarted, RefuseTooManyCommands, RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed, RevokeWorkflowTaskStart, StartedWorkflowTask, WorkflowTaskRef,
};
use cell_frontend::HistoryToken;
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::{BadSearchAttributes, Handed, WorkflowTasks};
use cell_matching::{PollOutcome, QueryTask, QueueKind, TaskLease, TaskQueueKey, TaskType};
use cell_shard::Target;
use prost::Message;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Events that a poll answers with at once, unless they are more than a page of a history has bytes; the worker reads
/// the rest page by page.
const EVENTS_WITH_TASK: i64 = 256;

/// The `WorkflowTasks` port.
pub(crate) struct NodeWorkflowTasks(pub(crate) Arc<Core>);

#[async_trait]
impl WorkflowTasks for NodeWorkflowTasks {
    async fn poll(
        &self,
        namespace: &Namespace,
        request: wf::PollWorkflowTaskQueueRequest,
        deadline: Instant,
    ) -> Result<Handed<wf::PollWorkflowTaskQueueResponse>, Status> {
        let queue = request.task_queue.clone().unwrap_or_default();
        let key = match queue.kind() {
            TaskQueueKind::Sticky => TaskQueueKey::sticky(namespace.id, queue.name.as_str()),
            _ => TaskQueueKey::normal(namespace.id, queue.name.as_str(), TaskType::Workflow),
        };
        let poller = poller(&request.identity, &request.worker_instance_key, deadline);
        loop {
            match self.0.matching.poll(&key, poller.clone()).await {
                PollOutcome::Task(lease) => {
                    still_there().await;
                    // Apart, so that a parked poll is no larger than waiting takes.
                    if let Some(answer) = Box::pin(self.take(lease, &request)).await? {
                        return Ok(answer);
                    }
                }
                PollOutcome::Query(lease) => {
                    let sticky = lease.key().kind == QueueKind::Sticky;
                    let query = lease.query().clone();
                    match Box::pin(self.query_task(&query, sticky)).await? {
                        // Whoever asks waits still: another worker gets it.
                        Some(answer) => {
                            let handover = Handover::new(move |fate| match fate {
                                Fate::Delivered => drop(lease.accept()),
                                Fate::Lost => lease.give_back(),
                            });
                            return Ok(Handed { answer, handover });
                        }
                        // Given back it would be this poll's again at once.
                        None => lease.discard(),
                    }
                }
                PollOutcome::Empty | PollOutcome::ShutDown => {
                    return Ok(Handed::nothing_with(wf::PollWorkflowTaskQueueResponse::default()));
                }
                PollOutcome::Moved => return Err(Status::unavailable("task queue partition moved")),
                PollOutcome::TooManyQueues => return Err(too_many_queues()),
            }
        }
    }

    async fn complete(
        &self,
        namespace: &Namespace,
        mut request: wf::RespondWorkflowTaskCompletedRequest,
        bad_search_attributes: Option<BadSearchAttributes>,
    ) -> Result<Handed<wf::RespondWorkflowTaskCompletedResponse>, Status> {
        let (target, task) = named(&request.task_token)?;
        let run_id = target.run_id.unwrap_or_default();
        let mut results = std::mem::take(&mut request.query_results);
        let take_next = request.return_new_workflow_task;
        let queries = &self.0.queries;
        let answering = queries.answering(run_id, &mut results);
        let bad_search_attributes = bad_search_attributes.map(|bad| (bad.index, bad.complaint));
        let command =
            RespondWorkflowTaskCompleted { bad_search_attributes, ..completion(namespace, task, request) };
        if !take_next {
            self.0.execute(&target, command).await?;
            queries.answer(run_id, results);
            return Ok(Handed::nothing_with(wf::RespondWorkflowTaskCompletedResponse::default()));
        }
        // The completion stands whatever becomes of its caller; the next task then is for somebody else.
        let recorded =
            record(&self.0, &target, CompleteAndTakeNext(command), |(_, next)| next.as_ref().map(taken_back));
        let ((_, next), handover) = recorded.await.map_err(|error| status(error, &target))?;
        queries.answer(run_id, results);
        drop(answering);
        let mut answer = wf::RespondWorkflowTaskCompletedResponse::default();
        let Some(started) = next else { return Ok(Handed::nothing_with(answer)) };
        // Should its history not be readable now, the task is given back and a poll gets it.
        let Ok(workflow_task) = self.answer(&target, started).await else {
            return Ok(Handed::nothing_with(answer));
        };
        answer.workflow_task = Some(workflow_task);
        Ok(Handed { answer, handover })
    }

    async fn too_many_commands(&self, _namespace: &Namespace, task_token: &Bytes) -> Status {
        let refused = async {
            let (target, task) = named(task_token)?;
            self.0.execute(&target, RefuseTooManyCommands(task)).await
        };
        match refused.await {
            Ok(never) => match never {},
            Err(status) => status,
        }
    }

    async fn fail(
        &self,
        _namespace: &Namespace,
        request: wf::RespondWorkflowTaskFailedRequest,
    ) -> Result<wf::RespondWorkflowTaskFailedResponse, Status> {
        let (target, task) = named(&request.task_token)?;
        #[allow(deprecated, reason = "SDKs still send worker_version")]
        let command = RespondWorkflowTaskFailed {
            task,
            cause: request.cause,
            failure: request.failure,
            identity: request.identity,
            worker_version: request.worker_version,
        };
        self.0.shards.execute(&target, command).await.map_err(|e| status(e, &target))?;
        Ok(wf::RespondWorkflowTaskFailedResponse::default())
    }

    async fn complete_query(
        &self,
        namespace: &Namespace,
        request: wf::RespondQueryTaskCompletedRequest,
    ) -> Result<wf::RespondQueryTaskCompletedResponse, Status> {
        let token = QueryTaskToken::decode(request.task_token.clone()).map_err(|_| bad_task_token())?;
        let query_id = Uuid::from_slice(&token.query_id).map_err(|_| bad_task_token())?;
        let answer = Bytes::from(request.encode_to_vec());
        self.0
            .matching
            .complete_query(namespace.id, query_id, answer)
            .map_err(|gone| crate::status::not_found(gone.to_string()))?;
        Ok(wf::RespondQueryTaskCompletedResponse::default())
    }
}

impl NodeWorkflowTasks {
    /// Records the start of a matched task. `None` when it was void: poll on.
    async fn take(
        &self,
        lease: TaskLease,
        request: &wf::PollWorkflowTaskQueueRequest,
    ) -> Result<Option<Handed<wf::PollWorkflowTaskQueueResponse>>, Status> {
        let task = lease.task().clone();
        let Some(target) = run_of(&task) else {
            lease.discard();
            return Ok(None);
        };
        let command = RecordWorkflowTaskStarted {
            scheduled_event_id: task.scheduled_event_id,
            stamp: task.stamp,
            request_id: self.0.new_id().to_string(),
            identity: request.identity.clone(),
            worker_version: stamp(request),
            sticky: lease.key().kind == QueueKind::Sticky,
        };
        match record(&self.0, &target, command, |started| Some(taken_back(started))).await {
            Ok((started, handover)) => {
                lease.accept();
                let answer = self.answer(&target, started).await?;
                Ok(Some(Handed { answer, handover }))
            }
            Err(error) => {
                not_started(lease, error).await;
                Ok(None)
            }
        }
    }

    /// What the worker gets: the history before the start, which is durable, and the start's own events, which need not
    /// be. Further pages it reads as everybody does.
    async fn answer(
        &self,
        target: &Target,
        started: StartedWorkflowTask,
    ) -> Result<wf::PollWorkflowTaskQueueResponse, Status> {
        let run_id = target.run_id.unwrap_or_default();
        let last = started.last_before();
        let (mut history, next) = self.history(target, started.first_event_id, last).await?;
        let mut token = Bytes::new();
        if next <= last {
            let rest = HistoryToken {
                run_id,
                next_event_id: next,
                last_event_id: started.last_event_id,
                closed: false,
                transient: !started.in_history,
            };
            token = rest.encode();
        } else {
            started.own_events.into_iter().for_each(|event| history.push_event(event));
        }
        let token_bytes = WorkflowTaskToken {
            namespace_id: Bytes::copy_from_slice(target.namespace_id.as_bytes()),
            workflow_id: target.workflow_id.to_string(),
            run_id: Bytes::copy_from_slice(run_id.as_bytes()),
            scheduled_event_id: started.scheduled_event_id,
            started_event_id: started.started_event_id,
            attempt: started.attempt,
            start_nonce: started.nonce,
        };
        Ok(wf::PollWorkflowTaskQueueResponse {
            task_token: token_bytes.encode_to_vec().into(),
            workflow_execution: Some(execution(target)),
            workflow_type: Some(WorkflowType { name: started.workflow_type }),
            previous_started_event_id: started.previous_started_event_id,
            started_event_id: started.started_event_id,
            attempt: started.attempt,
            history: Some(history),
            next_page_token: token,
            workflow_execution_task_queue: Some(normal_queue(started.task_queue)),
            scheduled_time: Some(started.scheduled_at.to_proto()),
            started_time: Some(started.started_at.to_proto()),
            queries: self.0.queries.carried(run_id),
            ..Default::default()
        })
    }

    /// The first page of a history that is durable up to `last`, and the event that the next one begins with.
    async fn history(&self, target: &Target, first: i64, last: i64) -> Result<(RawHistory, i64), Status> {
        let mut history = RawHistory::default();
        let until = last.min(first + EVENTS_WITH_TASK - 1);
        let (mut next, mut bytes) = (first, 0);
        while next <= until && bytes < PAGE_BYTES {
            let page = self
                .0
                .shards
                .durable_history(target, next, until)
                .await
                .map_err(|e| status(e, target))?
                .filter(|page| page.last_event_id >= next)
                .ok_or_else(|| Status::unavailable("history is not readable now"))?;
            bytes += page.chunks.iter().map(Bytes::len).sum::<usize>();
            page.chunks.into_iter().for_each(|chunk| history.push_encoded(chunk));
            next = page.last_event_id + 1;
        }
        Ok((history, next))
    }

    /// A query as a task of its own. `None` when its run is gone: whoever asks will find that out.
    async fn query_task(
        &self,
        query: &QueryTask,
        sticky: bool,
    ) -> Result<Option<wf::PollWorkflowTaskQueueResponse>, Status> {
        let target = Target::run(query.namespace_id, Arc::clone(&query.workflow_id), query.run_id);
        let seen = self
            .0
            .shards
            .read(&target, |view| {
                view.run.map(|run| {
                    let last =
                        if run.closed() { run.next_event_id() - 1 } else { run.last_completed_event_id() };
                    (
                        last,
                        run.previous_started_event_id(),
                        run.workflow_type().to_owned(),
                        run.task_queue().to_owned(),
                    )
                })
            })
            .await
            .map_err(|e| status(e, &target))?;
        let Some((last, previous_started_event_id, workflow_type, queue)) = seen else { return Ok(None) };
        // The worker that has the run cached needs no history.
        let (history, next_page_token) = if sticky {
            (RawHistory::default(), Bytes::new())
        } else {
            let (history, next) = self.history(&target, 1, last).await?;
            let rest = HistoryToken {
                run_id: query.run_id,
                next_event_id: next,
                last_event_id: last,
                closed: false,
                transient: false,
            };
            (history, if next <= last { rest.encode() } else { Bytes::new() })
        };
        let token = QueryTaskToken {
            namespace_id: Bytes::copy_from_slice(query.namespace_id.as_bytes()),
            query_id: Bytes::copy_from_slice(query.query_id.as_bytes()),
        };
        Ok(Some(wf::PollWorkflowTaskQueueResponse {
            task_token: token.encode_to_vec().into(),
            workflow_execution: Some(execution(&target)),
            workflow_type: Some(WorkflowType { name: workflow_type }),
            previous_started_event_id,
            attempt: 1,
            history: Some(history),
            next_page_token,
            query: WorkflowQuery::decode(query.payload.clone()).ok(),
            workflow_execution_task_queue: Some(normal_queue(queue)),
            ..Default::default()
        }))
    }
}

/// What takes a start back.
fn taken_back(started: &StartedWorkflowTask) -> RevokeWorkflowTaskStart {
    RevokeWorkflowTaskStart(WorkflowTaskRef {
        scheduled_event_id: started.scheduled_event_id,
        attempt: started.attempt,
        nonce: started.nonce,
    })
}

/// What a workflow task's token names.
fn named(token: &Bytes) -> Result<(Target, WorkflowTaskRef), Status> {
    let token = WorkflowTaskToken::decode(token.clone()).map_err(|_| bad_task_token())?;
    let id = |bytes: &Bytes| Uuid::from_slice(bytes).map_err(|_| bad_task_token());
    let target = Target::run(id(&token.namespace_id)?, token.workflow_id.as_str(), id(&token.run_id)?);
    let task = WorkflowTaskRef {
        scheduled_event_id: token.scheduled_event_id,
        attempt: token.attempt,
        nonce: token.start_nonce,
    };
    Ok((target, task))
}

fn completion(
    namespace: &Namespace,
    task: WorkflowTaskRef,
    request: wf::RespondWorkflowTaskCompletedRequest,
) -> RespondWorkflowTaskCompleted {
    let sticky = request.sticky_attributes.and_then(|sticky| {
        let queue = sticky.worker_task_queue?.name;
        let nanos = duration::nanos(sticky.schedule_to_start_timeout.as_ref());
        (!queue.is_empty()).then_some((queue, nanos))
    });
    #[allow(deprecated, reason = "SDKs still send worker_version_stamp")]
    RespondWorkflowTaskCompleted {
        task: Some(task),
        commands: request.commands,
        identity: request.identity,
        sticky,
        force_new_task: request.force_create_new_workflow_task,
        sdk_metadata: request.sdk_metadata,
        metering_metadata: request.metering_metadata,
        worker_version: request.worker_version_stamp,
        namespace: namespace.name.to_string(),
        bad_search_attributes: None,
    }
}

/// The worker's version as events show it.
#[allow(deprecated, reason = "SDKs still send worker_version_capabilities")]
fn stamp(request: &wf::PollWorkflowTaskQueueRequest) -> Option<WorkerVersionStamp> {
    request.worker_version_capabilities.as_ref().and_then(version)
}

pub(super) fn version(capabilities: &WorkerVersionCapabilities) -> Option<WorkerVersionStamp> {
    (!capabilities.build_id.is_empty()).then(|| WorkerVersionStamp {
        build_id: capabilities.build_id.clone(),
        use_versioning: capabilities.use_versioning,
    })
}

pub(super) fn execution(target: &Target) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: target.workflow_id.to_string(),
        run_id: target.run_id.unwrap_or_default().to_string(),
    }
}

fn normal_queue(name: String) -> TaskQueue {
    TaskQueue { name, kind: TaskQueueKind::Normal as i32, normal_name: String::new() }
}
