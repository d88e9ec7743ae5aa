//! The load, and what was acknowledged to it.

use atoll_api::RawHistory;
use atoll_api::call::{Code, Method, Status};
use atoll_api::temporal::api::command::v1 as cmd;
use atoll_api::temporal::api::command::v1::command::Attributes as Command;
use atoll_api::temporal::api::common::v1::{
    ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType,
};
use atoll_api::temporal::api::enums::v1::{CommandType, EventType};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_rpc::{CallOptions, RawClient};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const NAMESPACE: &str = "load";
const QUEUE: &str = "load";
/// Workflows begun side by side.
const STARTERS: usize = 4;
const POLLERS: usize = 6;

/// Every history, by workflow id.
pub type Histories = BTreeMap<String, Vec<HistoryEvent>>;

/// What the cell said yes to.
#[derive(Clone, Default)]
pub struct Acknowledged {
    /// Workflow ids that a start was sent for, acknowledged or not.
    pub attempted: BTreeSet<String>,
    pub starts: BTreeSet<String>,
    /// (workflow id, signal name).
    pub signals: BTreeSet<(String, String)>,
    pub completions: BTreeSet<String>,
}

/// Clients and workers that go on through every crash.
pub struct Load {
    shared: Arc<Shared>,
    tasks: tokio::task::JoinSet<()>,
}

struct Shared {
    client: RawClient,
    acknowledged: Mutex<Acknowledged>,
    /// No new workflows.
    enough: CancellationToken,
    stop: CancellationToken,
}

impl Shared {
    fn acknowledged(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls until the cell answers, whatever happens to it meanwhile.
    async fn insist<Req: Message, Resp: Message + Default>(
        &self,
        method: Method<Req, Resp>,
        request: &Req,
    ) -> Result<Resp, Status> {
        loop {
            match self.client.call(method, request, CallOptions::timeout(Duration::from_secs(10))).await {
                Err(status) if may_pass(status.code) && !self.stop.is_cancelled() => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                outcome => return outcome,
            }
        }
    }
}

fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::ResourceExhausted
            | Code::Unknown
    )
}

impl Load {
    pub fn start(address: &str) -> Self {
        let shared = Arc::new(Shared {
            client: RawClient::with_connections(address, 2).expect("an address"),
            acknowledged: Mutex::default(),
            enough: CancellationToken::new(),
            stop: CancellationToken::new(),
        });
        let mut tasks = tokio::task::JoinSet::new();
        for starter in 0..STARTERS {
            tasks.spawn(start_workflows(Arc::clone(&shared), starter));
        }
        for _ in 0..POLLERS {
            tasks.spawn(poll_workflow_tasks(Arc::clone(&shared)));
            tasks.spawn(poll_activities(Arc::clone(&shared)));
        }
        Self { shared, tasks }
    }

    pub fn starts_so_far(&self) -> usize {
        self.shared.acknowledged().starts.len()
    }

    /// Begins nothing new, lets everything complete, and answers what was acknowledged.
    pub async fn finish(mut self, patience: Duration) -> Acknowledged {
        self.shared.enough.cancel();
        let began = Instant::now();
        loop {
            let (open, last) = {
                let seen = self.shared.acknowledged();
                let open: Vec<String> = seen.starts.difference(&seen.completions).cloned().collect();
                (open.len(), open.first().cloned())
            };
            // A completion whose answer was lost is not acknowledged: the histories tell.
            if open == 0 || self.all_closed().await {
                break;
            }
            assert!(began.elapsed() < patience, "{open} workflows do not complete, for example {last:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.shared.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.shared.acknowledged().clone()
    }

    async fn all_closed(&self) -> bool {
        let open: Vec<String> = {
            let seen = self.shared.acknowledged();
            seen.attempted.difference(&seen.completions).cloned().collect()
        };
        for workflow_id in open {
            let request = wf::DescribeWorkflowExecutionRequest {
                namespace: NAMESPACE.into(),
                execution: Some(WorkflowExecution { workflow_id, run_id: String::new() }),
            };
            let described = self.shared.insist(rpc::DESCRIBE_WORKFLOW_EXECUTION, &request).await;
            let info = described.ok().and_then(|described| described.workflow_execution_info);
            if info.is_some_and(|info| info.close_time.is_none()) {
                return false;
            }
        }
        true
    }
}

async fn start_workflows(shared: Arc<Shared>, starter: usize) {
    for index in 0.. {
        if shared.enough.is_cancelled() {
            return;
        }
        let workflow_id = format!("w-{starter}-{index}");
        shared.acknowledged().attempted.insert(workflow_id.clone());
        let request = wf::StartWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_id: workflow_id.clone(),
            workflow_type: Some(WorkflowType { name: "load".into() }),
            task_queue: Some(queue()),
            input: (index % 8 == 0).then(large_input),
            request_id: format!("start-{workflow_id}"),
            workflow_task_timeout: Some(prost_types::Duration { seconds: 2, nanos: 0 }),
            ..Default::default()
        };
        if shared.insist(rpc::START_WORKFLOW_EXECUTION, &request).await.is_err() {
            continue;
        }
        shared.acknowledged().starts.insert(workflow_id.clone());
        let signal_name = format!("signal-{workflow_id}");
        let request = wf::SignalWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_execution: Some(WorkflowExecution {
                workflow_id: workflow_id.clone(),
                run_id: String::new(),
            }),
            signal_name: signal_name.clone(),
            request_id: signal_name.clone(),
            ..Default::default()
        };
        // The workflow may have completed before: then there is nothing to acknowledge.
        if shared.insist(rpc::SIGNAL_WORKFLOW_EXECUTION, &request).await.is_ok() {
            shared.acknowledged().signals.insert((workflow_id, signal_name));
        }
    }
}

/// Too much for a log row: the event goes to a side row.
fn large_input() -> Payloads {
    Payloads { payloads: vec![Payload { data: vec![7; 100 << 10].into(), ..Default::default() }] }
}

async fn poll_workflow_tasks(shared: Arc<Shared>) {
    let request = wf::PollWorkflowTaskQueueRequest {
        namespace: NAMESPACE.into(),
        task_queue: Some(queue()),
        identity: "load".into(),
        ..Default::default()
    };
    while !shared.stop.is_cancelled() {
        let Ok(task) = polled(&shared, rpc::POLL_WORKFLOW_TASK_QUEUE, &request).await else { continue };
        if task.task_token.is_empty() {
            continue;
        }
        let workflow_id = task.workflow_execution.clone().unwrap_or_default().workflow_id;
        let commands = commands(&task.history.unwrap_or_default());
        let completes =
            commands.iter().any(|c| c.command_type == CommandType::CompleteWorkflowExecution as i32);
        let answer = wf::RespondWorkflowTaskCompletedRequest {
            namespace: NAMESPACE.into(),
            task_token: task.task_token,
            commands,
            ..Default::default()
        };
        let answered = shared.insist(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, &answer).await;
        if completes && answered.is_ok() {
            shared.acknowledged().completions.insert(workflow_id);
        }
    }
}

/// Schedules an activity, waits for it, completes.
fn commands(history: &RawHistory) -> Vec<cmd::Command> {
    let types: Vec<EventType> = history.events().flatten().map(|event| event.event_type()).collect();
    if !types.contains(&EventType::ActivityTaskScheduled) {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let schedule = cmd::ScheduleActivityTaskCommandAttributes {
            activity_id: "a".into(),
            activity_type: Some(ActivityType { name: "load".into() }),
            task_queue: Some(queue()),
            start_to_close_timeout: seconds(2),
            ..Default::default()
        };
        vec![command(
            CommandType::ScheduleActivityTask,
            Command::ScheduleActivityTaskCommandAttributes(schedule),
        )]
    } else if types.contains(&EventType::ActivityTaskCompleted) {
        let complete = cmd::CompleteWorkflowExecutionCommandAttributes::default();
        vec![command(
            CommandType::CompleteWorkflowExecution,
            Command::CompleteWorkflowExecutionCommandAttributes(complete),
        )]
    } else {
        Vec::new()
    }
}

fn command(kind: CommandType, attributes: Command) -> cmd::Command {
    cmd::Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

async fn poll_activities(shared: Arc<Shared>) {
    let request = wf::PollActivityTaskQueueRequest {
        namespace: NAMESPACE.into(),
        task_queue: Some(queue()),
        identity: "load".into(),
        ..Default::default()
    };
    while !shared.stop.is_cancelled() {
        let Ok(task) = polled(&shared, rpc::POLL_ACTIVITY_TASK_QUEUE, &request).await else { continue };
        if task.task_token.is_empty() {
            continue;
        }
        let answer = wf::RespondActivityTaskCompletedRequest {
            namespace: NAMESPACE.into(),
            task_token: task.task_token,
            ..Default::default()
        };
        // An attempt that timed out meanwhile is refused; another one follows.
        let _ = shared.insist(rpc::RESPOND_ACTIVITY_TASK_COMPLETED, &answer).await;
    }
}

async fn polled<Req: Message, Resp: Message + Default>(
    shared: &Shared,
    method: Method<Req, Resp>,
    request: &Req,
) -> Result<Resp, ()> {
    let poll = shared.client.call(method, request, CallOptions::timeout(Duration::from_secs(20)));
    let outcome = tokio::select! {
        outcome = poll => outcome,
        () = shared.stop.cancelled() => return Err(()),
    };
    match outcome {
        Ok(answer) => Ok(answer),
        Err(_) => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(())
        }
    }
}

fn queue() -> TaskQueue {
    TaskQueue { name: QUEUE.into(), ..Default::default() }
}

/// The whole histories of those of these workflows that exist.
pub async fn histories(address: &str, workflow_ids: &BTreeSet<String>) -> Histories {
    let client = RawClient::new(address).expect("an address");
    let mut histories = Histories::new();
    for workflow_id in workflow_ids {
        let mut events = Vec::new();
        let mut request = wf::GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.into(),
            execution: Some(WorkflowExecution { workflow_id: workflow_id.clone(), run_id: String::new() }),
            ..Default::default()
        };
        loop {
            let options = CallOptions::timeout(Duration::from_secs(10));
            match client.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY, &request, options).await {
                Ok(page) => {
                    events.extend(
                        page.history.unwrap_or_default().events().map(|event| event.expect("an event")),
                    );
                    request.next_page_token = page.next_page_token;
                }
                Err(status) if status.code == Code::NotFound => break,
                Err(status) => panic!("history of {workflow_id}: {status:?}"),
            }
            if request.next_page_token.is_empty() {
                histories.insert(workflow_id.clone(), events);
                break;
            }
        }
    }
    histories
}
