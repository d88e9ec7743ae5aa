//! The workers of the load.

use crate::acknowledged::Kind;
use crate::load::Shared;
use crate::script::{ACTIVITY, NAMESPACE, ONCE, Script, child_of, queue};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::enums::v1::{CommandType, QueryResultType};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::query::v1::WorkflowQueryResult;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::sync::Arc;

/// Takes workflow tasks and queries, and answers them.
pub async fn workflows(shared: Arc<Shared>) {
    let request = wf::PollWorkflowTaskQueueRequest {
        namespace: NAMESPACE.into(),
        task_queue: Some(queue()),
        identity: "load".into(),
        ..Default::default()
    };
    while !shared.stop.is_cancelled() {
        let Some(task) = shared.try_once(rpc::POLL_WORKFLOW_TASK_QUEUE, &request).await else { continue };
        if task.task_token.is_empty() {
            continue;
        }
        if task.query.is_some() {
            let answer = wf::RespondQueryTaskCompletedRequest {
                namespace: NAMESPACE.into(),
                task_token: task.task_token,
                completed_type: QueryResultType::Answered as i32,
                ..Default::default()
            };
            // Whoever asked may be gone. The query is counted where it was asked.
            let _ = shared.try_once(rpc::RESPOND_QUERY_TASK_COMPLETED, &answer).await;
        } else {
            workflow_task(&shared, task).await;
        }
    }
}

async fn workflow_task(shared: &Shared, task: wf::PollWorkflowTaskQueueResponse) {
    let workflow_id = task.workflow_execution.unwrap_or_default().workflow_id;
    let history: Vec<HistoryEvent> =
        task.history.unwrap_or_default().events().map(|event| event.expect("an event")).collect();
    let script = Script::of(&workflow_id);
    let commands = script.commands(&workflow_id, &history);
    let kind = match commands.iter().any(|c| c.command_type == CommandType::CompleteWorkflowExecution as i32)
    {
        true => Kind::Completion,
        false => Kind::WorkflowTask,
    };
    if script.has_child {
        shared.acknowledged().attempted.insert(child_of(&workflow_id));
    }
    let answered = |_| WorkflowQueryResult {
        result_type: QueryResultType::Answered as i32,
        ..WorkflowQueryResult::default()
    };
    let answer = wf::RespondWorkflowTaskCompletedRequest {
        namespace: NAMESPACE.into(),
        task_token: task.task_token,
        commands,
        query_results: task.queries.keys().map(|id| (id.clone(), answered(id))).collect(),
        ..Default::default()
    };
    match shared.insist(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, &answer).await {
        Ok(_) => {
            let mut acknowledged = shared.acknowledged();
            acknowledged.add(kind);
            if kind == Kind::Completion {
                acknowledged.completions.insert(workflow_id);
            }
        }
        Err(status) => late(shared, "workflow task", &status),
    }
}

/// Takes activities, and answers them.
pub async fn activities(shared: Arc<Shared>) {
    let request = wf::PollActivityTaskQueueRequest {
        namespace: NAMESPACE.into(),
        task_queue: Some(queue()),
        identity: "load".into(),
        ..Default::default()
    };
    while !shared.stop.is_cancelled() {
        let Some(task) = shared.try_once(rpc::POLL_ACTIVITY_TASK_QUEUE, &request).await else { continue };
        if task.task_token.is_empty() {
            continue;
        }
        let workflow_id = task.workflow_execution.clone().unwrap_or_default().workflow_id;
        if task.activity_id == ONCE {
            *shared.acknowledged().handed_out_once.entry(workflow_id.clone()).or_default() += 1;
        }
        let fails = Script::of(&workflow_id).is_retried && task.activity_id == ACTIVITY && task.attempt == 1;
        let outcome = if fails {
            let answer = wf::RespondActivityTaskFailedRequest {
                namespace: NAMESPACE.into(),
                task_token: task.task_token,
                failure: Some(first_attempt()),
                ..Default::default()
            };
            shared.insist(rpc::RESPOND_ACTIVITY_TASK_FAILED, &answer).await.map(drop)
        } else {
            let answer = wf::RespondActivityTaskCompletedRequest {
                namespace: NAMESPACE.into(),
                task_token: task.task_token,
                ..Default::default()
            };
            shared.insist(rpc::RESPOND_ACTIVITY_TASK_COMPLETED, &answer).await.map(drop)
        };
        match outcome {
            Ok(()) => shared.acknowledged().add(if fails { Kind::FailedAttempt } else { Kind::Activity }),
            Err(status) => late(&shared, "activity", &status),
        }
    }
}

/// Why the first attempt fails that is to be retried.
fn first_attempt() -> Failure {
    let info = ApplicationFailureInfo { r#type: "load".into(), ..ApplicationFailureInfo::default() };
    Failure {
        message: "the first attempt".into(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    }
}

/// An answer may come too late: its task timed out meanwhile, or a try of it took effect whose answer was lost.
fn late(shared: &Shared, what: &str, status: &Status) {
    if status.code != Code::NotFound && !shared.stop.is_cancelled() {
        shared.acknowledged().refused(format!("{what}: {status}"));
    }
}
