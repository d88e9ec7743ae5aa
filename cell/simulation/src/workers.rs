//! Workers: they poll, decide by script, answer, and sometimes never do.

use crate::calls::{Caller, NAMESPACE, is_passing};
use crate::plan::{Attempt, WorkerPlan};
use crate::script::{self, QUEUE, payloads, proto, queue};
use atoll_api::call::Code;
use atoll_api::temporal::api::enums::v1::{TaskQueueKind, WorkflowTaskFailedCause};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::taskqueue::v1::{StickyExecutionAttributes, TaskQueue};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a poll waits.
const POLL: Duration = Duration::from_secs(30);
/// A worker whose poll failed polls again after this.
const PAUSE: Duration = Duration::from_millis(500);

/// Polls workflow tasks on the normal queue, and on a sticky one of its own where it caches workflows, until the cell's life
/// is over.
pub(crate) async fn workflow_worker(caller: Caller, number: usize, life: usize) {
    let plan = caller.plan.workers[number % caller.plan.workers.len()];
    let sticky = format!("sticky-{life}-{number}");
    let mut cache: BTreeMap<String, Vec<HistoryEvent>> = BTreeMap::new();
    let mut turn = 0_u64;
    loop {
        turn += 1;
        let on_sticky = plan.sticky && turn.is_multiple_of(2);
        let task_queue = if on_sticky {
            Some(TaskQueue {
                name: sticky.clone(),
                kind: TaskQueueKind::Sticky as i32,
                normal_name: QUEUE.to_owned(),
            })
        } else {
            queue()
        };
        let request = wf::PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue,
            identity: format!("worker-{number}"),
            ..Default::default()
        };
        // A worker with a cache looks at its own queue only for a moment.
        let patience = if on_sticky { Duration::from_secs(2) } else { POLL };
        match caller.call(rpc::POLL_WORKFLOW_TASK_QUEUE, &request, patience).await {
            Ok(task) if task.task_token.is_empty() => {}
            Ok(task) => turn_of(&caller, plan, &sticky, &mut cache, task).await,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn turn_of(
    caller: &Caller,
    plan: WorkerPlan,
    sticky: &str,
    cache: &mut BTreeMap<String, Vec<HistoryEvent>>,
    task: wf::PollWorkflowTaskQueueResponse,
) {
    let execution = task.workflow_execution.clone().unwrap_or_default();
    let run_id = execution.run_id.clone();
    caller.ledger.lock().count("workflow task");
    let Some(workflow) = caller.plan.workflows.iter().find(|w| w.id == execution.workflow_id) else {
        caller.ledger.lock().broke(format!("a task of the unknown workflow {}", execution.workflow_id));
        return;
    };
    let Some(events) = whole_history(caller, cache, &task, &execution.workflow_id, &run_id).await else {
        return;
    };
    // The started event may be shown before it is durable; after a failed attempt the scheduled one is not in history.
    let own = if task.attempt > 1 { 2 } else { 1 };
    let durable = events.len().saturating_sub(own);
    caller.saw(&run_id, &events[..durable]);
    for (index, event) in events.iter().enumerate() {
        if event.event_id != index as i64 + 1 {
            let what = format!("run {run_id}: event {} stands at place {}", event.event_id, index + 1);
            caller.ledger.lock().broke(what);
            return;
        }
    }
    if caller.world.chance(plan.loses) {
        return;
    }
    if caller.world.chance(plan.fails) {
        let request = wf::RespondWorkflowTaskFailedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token.clone(),
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure as i32,
            identity: "worker".to_owned(),
            ..Default::default()
        };
        let _ = caller.call(rpc::RESPOND_WORKFLOW_TASK_FAILED, &request, POLL).await;
        return;
    }
    let commands = script::decide(&caller.plan, workflow, &events);
    let request = wf::RespondWorkflowTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token.clone(),
        identity: "worker".to_owned(),
        commands,
        sticky_attributes: plan.sticky.then(|| StickyExecutionAttributes {
            worker_task_queue: Some(TaskQueue {
                name: sticky.to_owned(),
                kind: TaskQueueKind::Sticky as i32,
                normal_name: QUEUE.to_owned(),
            }),
            schedule_to_start_timeout: proto(Duration::from_secs(5)),
        }),
        ..Default::default()
    };
    let answers = if caller.world.chance(plan.repeats) { 2 } else { 1 };
    for _ in 0..answers {
        for _ in 0..5 {
            match caller.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, &request, POLL).await {
                Err(status) if is_passing(&status) => tokio::time::sleep(PAUSE).await,
                _ => break,
            }
        }
    }
    // What the cell answers to this task is only in its history: the cache ends before it.
    let mut events = events;
    events.truncate(durable);
    cache.insert(run_id, events);
}

/// The history that a task comes with, made whole from the cache or the cell.
async fn whole_history(
    caller: &Caller,
    cache: &BTreeMap<String, Vec<HistoryEvent>>,
    task: &wf::PollWorkflowTaskQueueResponse,
    workflow_id: &str,
    run_id: &str,
) -> Option<Vec<HistoryEvent>> {
    let mut given = crate::calls::decode(task.history.clone());
    let mut token = task.next_page_token.clone();
    while !token.is_empty() {
        let request = wf::GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.to_owned(),
            execution: crate::calls::execution(workflow_id, run_id),
            next_page_token: token,
            ..Default::default()
        };
        let page = caller.insist(rpc::GET_WORKFLOW_EXECUTION_HISTORY, &request).await.ok()?;
        given.extend(crate::calls::decode(page.history));
        token = page.next_page_token;
    }
    let first = given.first().map_or(1, |event| event.event_id);
    if first == 1 {
        return Some(given);
    }
    let missing = usize::try_from(first - 1).unwrap_or(usize::MAX);
    let before = match cache.get(run_id).filter(|cached| cached.len() >= missing) {
        Some(cached) => cached[..missing].to_vec(),
        None => {
            let mut whole = caller.history(workflow_id, run_id).await.ok()?;
            whole.truncate(missing);
            whole
        }
    };
    Some(before.into_iter().chain(given).collect())
}

/// Polls activity tasks until the cell's life is over.
pub(crate) async fn activity_worker(caller: Caller, number: usize) {
    let plan = caller.plan.workers[number % caller.plan.workers.len()];
    let request = wf::PollActivityTaskQueueRequest {
        namespace: NAMESPACE.to_owned(),
        task_queue: queue(),
        identity: format!("worker-{number}"),
        ..Default::default()
    };
    loop {
        match caller.call(rpc::POLL_ACTIVITY_TASK_QUEUE, &request, POLL).await {
            Ok(task) if task.task_token.is_empty() => {}
            Ok(task) => attempt(&caller, plan, task).await,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn attempt(caller: &Caller, plan: WorkerPlan, task: wf::PollActivityTaskQueueResponse) {
    let execution = task.workflow_execution.clone().unwrap_or_default();
    let workflow = caller.plan.workflows.iter().find(|w| w.id == execution.workflow_id);
    let Some(activity) = workflow.and_then(|w| script::activity(w, &task.activity_id)) else {
        caller
            .ledger
            .lock()
            .broke(format!("an unknown activity {} of {}", task.activity_id, execution.workflow_id));
        return;
    };
    let run_id = execution.run_id.clone();
    {
        let mut ledger = caller.ledger.lock();
        ledger.count("activity task");
        let times = ledger
            .handed_out
            .entry((run_id.clone(), task.activity_id.clone(), task.attempt))
            .and_modify(|times| *times += 1)
            .or_insert(1);
        if *times > 1 && activity.maximum_attempts == 1 {
            let what = format!("activity {} of run {run_id} was started twice", task.activity_id);
            ledger.broke(what);
        }
    }
    let index = usize::try_from(task.attempt - 1).unwrap_or(0);
    let outcome = activity.attempts.get(index).copied().unwrap_or(Attempt::Succeeds);
    match outcome {
        Attempt::Vanishes => {}
        Attempt::Fails => {
            let request = wf::RespondActivityTaskFailedRequest {
                namespace: NAMESPACE.to_owned(),
                task_token: task.task_token.clone(),
                failure: Some(Failure {
                    message: "scripted".to_owned(),
                    failure_info: Some(FailureInfo::ApplicationFailureInfo(Default::default())),
                    ..Default::default()
                }),
                identity: "worker".to_owned(),
                ..Default::default()
            };
            for _ in 0..5 {
                match caller.call(rpc::RESPOND_ACTIVITY_TASK_FAILED, &request, POLL).await {
                    Err(status) if is_passing(&status) => tokio::time::sleep(PAUSE).await,
                    _ => break,
                }
            }
        }
        Attempt::Beats(times) => {
            for beat in 0..times {
                tokio::time::sleep(Duration::from_secs(4)).await;
                let request = wf::RecordActivityTaskHeartbeatRequest {
                    namespace: NAMESPACE.to_owned(),
                    task_token: task.task_token.clone(),
                    details: payloads(&beat.to_string()),
                    identity: "worker".to_owned(),
                    ..Default::default()
                };
                let _ = caller.call(rpc::RECORD_ACTIVITY_TASK_HEARTBEAT, &request, POLL).await;
            }
            succeed(caller, plan, &task, &run_id).await;
        }
        Attempt::Succeeds => succeed(caller, plan, &task, &run_id).await,
    }
}

async fn succeed(caller: &Caller, plan: WorkerPlan, task: &wf::PollActivityTaskQueueResponse, run_id: &str) {
    let request = wf::RespondActivityTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token.clone(),
        result: payloads(&task.activity_id),
        identity: "worker".to_owned(),
        ..Default::default()
    };
    let answers = if caller.world.chance(plan.repeats) { 2 } else { 1 };
    for _ in 0..answers {
        for _ in 0..5 {
            match caller.call(rpc::RESPOND_ACTIVITY_TASK_COMPLETED, &request, POLL).await {
                Ok(_) => {
                    let mut ledger = caller.ledger.lock();
                    ledger.count("activity completion");
                    let key = (run_id.to_owned(), task.activity_id.clone());
                    *ledger.completed.entry(key).or_default() += 1;
                    break;
                }
                Err(status) if is_passing(&status) => tokio::time::sleep(PAUSE).await,
                Err(status) => {
                    if status.code != Code::NotFound {
                        let what = format!("completion of {} of {run_id}: {status:?}", task.activity_id);
                        caller.ledger.lock().broke(what);
                    }
                    break;
                }
            }
        }
    }
}
