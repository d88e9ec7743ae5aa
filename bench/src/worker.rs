//! The worker side of the load: polls, and answers every task with the next step.

use crate::load::Shared;
use crate::verify;
use atoll_api::temporal::api::command::v1 as cmd;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::common::v1::{ActivityType, Payload, Payloads};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A long poll's deadline; servers answer an empty poll somewhat earlier.
const POLL: Duration = Duration::from_secs(10);
/// Deadline of every other call.
const CALL: Duration = Duration::from_secs(10);

/// Polls workflow tasks until the load ends.
pub(crate) async fn poll_workflow_tasks(shared: Arc<Shared>, lane: usize) {
    let request = wf::PollWorkflowTaskQueueRequest {
        namespace: shared.config.namespace.clone(),
        task_queue: Some(queue(&shared)),
        identity: "atoll-bench".into(),
        ..Default::default()
    };
    while !shared.stop.is_cancelled() {
        match shared.insist(lane, &rpc::POLL_WORKFLOW_TASK_QUEUE, &request, POLL).await {
            None => return,
            Some(task) if task.task_token.is_empty() => {}
            Some(task) => answer(&shared, lane, task).await,
        }
    }
}

/// The first task schedules the activities, each later one completes the workflow when all are done.
async fn answer(shared: &Shared, lane: usize, task: wf::PollWorkflowTaskQueueResponse) {
    let first = task.previous_started_event_id == 0;
    let activities = shared.config.activities;
    let commands = if first && activities > 0 {
        (0..activities).map(|i| schedule_activity(shared, i)).collect()
    } else if !first && activities > 1 && !all_done(&task, activities) {
        Vec::new()
    } else {
        vec![complete_workflow()]
    };
    let completes = commands.iter().any(|c| c.command_type == CommandType::CompleteWorkflowExecution as i32);
    let workflow_id = task.workflow_execution.map(|e| e.workflow_id).unwrap_or_default();
    let request = wf::RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        commands,
        identity: "atoll-bench".into(),
        namespace: shared.config.namespace.clone(),
        ..Default::default()
    };
    let answered = shared.insist(lane, &rpc::RESPOND_WORKFLOW_TASK_COMPLETED, &request, CALL).await;
    // Where the acknowledgement was lost on its way, the task is gone and the history says what became of it.
    if completes && (answered.is_some() || verify::is_completed(shared, &workflow_id).await) {
        shared.completed(&workflow_id);
    }
}

/// Only looked at with several activities: one completion is told by the second task alone.
fn all_done(task: &wf::PollWorkflowTaskQueueResponse, activities: usize) -> bool {
    use atoll_api::temporal::api::enums::v1::EventType;
    let Some(history) = &task.history else { return false };
    let done = history.events().filter(|event| {
        event.as_ref().is_ok_and(|event| event.event_type == EventType::ActivityTaskCompleted as i32)
    });
    done.count() == activities
}

/// Polls activity tasks until the load ends.
pub(crate) async fn poll_activity_tasks(shared: Arc<Shared>, lane: usize) {
    let request = wf::PollActivityTaskQueueRequest {
        namespace: shared.config.namespace.clone(),
        task_queue: Some(queue(&shared)),
        identity: "atoll-bench".into(),
        ..Default::default()
    };
    while !shared.stop.is_cancelled() {
        let task = match shared.insist(lane, &rpc::POLL_ACTIVITY_TASK_QUEUE, &request, POLL).await {
            None => return,
            Some(task) if task.task_token.is_empty() => continue,
            Some(task) => task,
        };
        let request = wf::RespondActivityTaskCompletedRequest {
            task_token: task.task_token,
            result: Some(payload()),
            identity: "atoll-bench".into(),
            namespace: shared.config.namespace.clone(),
            ..Default::default()
        };
        shared.insist(lane, &rpc::RESPOND_ACTIVITY_TASK_COMPLETED, &request, CALL).await;
    }
}

pub(crate) fn queue(shared: &Shared) -> TaskQueue {
    TaskQueue { name: shared.task_queue.clone(), ..Default::default() }
}

fn schedule_activity(shared: &Shared, index: usize) -> cmd::Command {
    let attributes = cmd::ScheduleActivityTaskCommandAttributes {
        activity_id: index.to_string(),
        activity_type: Some(ActivityType { name: "bench".into() }),
        task_queue: Some(queue(shared)),
        input: Some(payload()),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    cmd::Command {
        command_type: CommandType::ScheduleActivityTask as i32,
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)),
        ..Default::default()
    }
}

fn complete_workflow() -> cmd::Command {
    let attributes = cmd::CompleteWorkflowExecutionCommandAttributes { result: Some(payload()) };
    cmd::Command {
        command_type: CommandType::CompleteWorkflowExecution as i32,
        attributes: Some(Attributes::CompleteWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    }
}

/// A small JSON payload, as an SDK would send it.
pub(crate) fn payload() -> Payloads {
    let metadata = [("encoding".to_owned(), Bytes::from_static(b"json/plain"))];
    let payload = Payload {
        metadata: metadata.into_iter().collect(),
        data: Bytes::from_static(b"\"bench\""),
        ..Default::default()
    };
    Payloads { payloads: vec![payload] }
}
