//! Clients and workers that go on through every crash.

use crate::acknowledged::{Acknowledged, Kind};
use crate::script::{LIMIT_SECONDS, NAMESPACE, Script, queue, seconds};
use crate::workers;
use atoll_api::call::{Code, Method, Status};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::enums::v1::HistoryEventFilterType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_rpc::{CallOptions, RawClient};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Clients that begin workflows.
const STARTERS: usize = 4;
const POLLERS: usize = 6;
/// Workflows that are open at a time. Those whose worker lost them in a crash wait until their time limit counts again
/// after the takeover: there is room for others beside them.
const OPEN: usize = 192;
/// Every so many workflows one is queried.
const QUERIED: u64 = 6;
/// Between two tries of a call.
const PAUSE: Duration = Duration::from_millis(20);
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Every history, by workflow id.
pub type Histories = BTreeMap<String, Vec<HistoryEvent>>;

/// A running load.
pub struct Load {
    shared: Arc<Shared>,
    tasks: tokio::task::JoinSet<()>,
}

pub struct Shared {
    client: RawClient,
    acknowledged: Mutex<Acknowledged>,
    open: Arc<Semaphore>,
    /// No new workflows.
    enough: CancellationToken,
    pub stop: CancellationToken,
}

impl Shared {
    pub fn acknowledged(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls until the cell answers, whatever happens to it meanwhile.
    pub async fn insist<Req: Message, Resp: Message + Default>(
        &self,
        method: Method<Req, Resp>,
        request: &Req,
    ) -> Result<Resp, Status> {
        loop {
            match self.client.call(method, request, CallOptions::timeout(CALL_LIMIT)).await {
                Err(status) if may_pass(status.code) && !self.stop.is_cancelled() => {
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Calls once; none where that fails.
    pub async fn try_once<Req: Message, Resp: Message + Default>(
        &self,
        method: Method<Req, Resp>,
        request: &Req,
    ) -> Option<Resp> {
        let call = self.client.call(method, request, CallOptions::timeout(2 * CALL_LIMIT));
        let outcome = self.stop.run_until_cancelled(call).await?;
        if outcome.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        outcome.ok()
    }

    /// Notes a refusal that no crash explains.
    fn refused(&self, what: &str, status: &Status) {
        if !self.stop.is_cancelled() {
            self.acknowledged().refused(format!("{what}: {status}"));
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
        Self::start_as(address, 0)
    }

    /// As `start`, of workflows that no load of another generation begins.
    pub fn start_as(address: &str, generation: usize) -> Self {
        let shared = Arc::new(Shared {
            client: RawClient::with_connections(address, 2).expect("an address"),
            acknowledged: Mutex::default(),
            open: Arc::new(Semaphore::new(OPEN)),
            enough: CancellationToken::new(),
            stop: CancellationToken::new(),
        });
        let mut tasks = tokio::task::JoinSet::new();
        for starter in 0..STARTERS {
            tasks.spawn(begin_workflows(Arc::clone(&shared), generation * STARTERS + starter));
        }
        for _ in 0..POLLERS {
            tasks.spawn(workers::workflows(Arc::clone(&shared)));
            tasks.spawn(workers::activities(Arc::clone(&shared)));
        }
        Self { shared, tasks }
    }

    /// What was acknowledged so far.
    pub fn so_far(&self) -> String {
        self.shared.acknowledged().to_string()
    }

    /// Waits until so many more calls are acknowledged.
    pub async fn progress(&self, calls: usize, patience: Duration) {
        let goal = self.shared.acknowledged().calls() + calls;
        let began = Instant::now();
        while self.shared.acknowledged().calls() < goal {
            assert!(began.elapsed() < patience, "the load stands still: {}", self.so_far());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends where it is: its clients and workers are gone. Answers what was acknowledged.
    pub async fn abandon(mut self) -> Acknowledged {
        self.shared.stop.cancel();
        self.tasks.shutdown().await;
        self.shared.acknowledged().clone()
    }

    /// Gives workflows that others began the signal that they wait for. There may be none.
    pub async fn go_on_with(&self, workflow_ids: impl IntoIterator<Item = &String>) {
        for workflow_id in workflow_ids {
            signal(&self.shared, workflow_id).await;
        }
    }

    /// Begins nothing new, lets everything complete, and answers what was acknowledged.
    pub async fn finish(mut self, patience: Duration) -> Acknowledged {
        self.shared.enough.cancel();
        let all = self.shared.open.acquire_many(OPEN as u32);
        let closed = tokio::time::timeout(patience, all).await;
        let open = OPEN - self.shared.open.available_permits();
        drop(closed.unwrap_or_else(|_| panic!("{open} workflows do not complete: {}", self.so_far())));
        self.shared.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no panic");
        }
        self.shared.acknowledged().clone()
    }
}

async fn begin_workflows(shared: Arc<Shared>, starter: usize) {
    let mut begun = tokio::task::JoinSet::new();
    for number in 0_u64.. {
        let room = Arc::clone(&shared.open).acquire_owned();
        let Some(room) = shared.enough.run_until_cancelled(room).await else { break };
        let room = room.expect("never closed");
        let workflow_id = format!("w-{starter}-{number}");
        if start(&shared, &workflow_id).await {
            let shared = Arc::clone(&shared);
            begun.spawn(async move {
                signal(&shared, &workflow_id).await;
                if number.is_multiple_of(QUERIED) {
                    query(&shared, &workflow_id).await;
                }
                see_the_end(&shared, &workflow_id).await;
                drop(room);
            });
        }
        while begun.try_join_next().is_some() {}
    }
    begun.join_all().await;
}

async fn start(shared: &Shared, workflow_id: &str) -> bool {
    shared.acknowledged().attempted.insert(workflow_id.to_owned());
    let request = wf::StartWorkflowExecutionRequest {
        namespace: NAMESPACE.into(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "load".into() }),
        task_queue: Some(queue()),
        input: Script::of(workflow_id).is_large.then(large_input),
        request_id: format!("start-{workflow_id}"),
        workflow_task_timeout: seconds(LIMIT_SECONDS),
        ..Default::default()
    };
    let outcome = shared.insist(rpc::START_WORKFLOW_EXECUTION, &request).await;
    if let Err(status) = &outcome {
        shared.refused("start", status);
        return false;
    }
    let mut acknowledged = shared.acknowledged();
    acknowledged.add(Kind::Start);
    acknowledged.starts.insert(workflow_id.to_owned())
}

/// Too much for a log row: the event goes to a side row.
fn large_input() -> Payloads {
    Payloads { payloads: vec![Payload { data: vec![7; 100 << 10].into(), ..Default::default() }] }
}

/// The workflow waits for it, so that it is never too late.
async fn signal(shared: &Shared, workflow_id: &str) {
    let signal_name = format!("signal-{workflow_id}");
    let request = wf::SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.into(),
        workflow_execution: Some(execution(workflow_id)),
        signal_name: signal_name.clone(),
        request_id: signal_name.clone(),
        ..Default::default()
    };
    match shared.insist(rpc::SIGNAL_WORKFLOW_EXECUTION, &request).await {
        Ok(_) => {
            let mut acknowledged = shared.acknowledged();
            acknowledged.add(Kind::Signal);
            acknowledged.signals.insert((workflow_id.to_owned(), signal_name));
        }
        // A try whose answer was lost took effect, and the workflow ended on it.
        Err(status) if status.code == Code::NotFound => {}
        Err(status) => shared.refused("signal", &status),
    }
}

async fn query(shared: &Shared, workflow_id: &str) {
    let request = wf::QueryWorkflowRequest {
        namespace: NAMESPACE.into(),
        execution: Some(execution(workflow_id)),
        query: Some(WorkflowQuery { query_type: "load".into(), ..Default::default() }),
        ..Default::default()
    };
    loop {
        shared.acknowledged().queries_sent += 1;
        if shared.try_once(rpc::QUERY_WORKFLOW, &request).await.is_some() {
            return shared.acknowledged().add(Kind::Query);
        }
        if shared.stop.is_cancelled() {
            return;
        }
    }
}

/// Waits for the workflow's end with long polls.
async fn see_the_end(shared: &Shared, workflow_id: &str) {
    let request = wf::GetWorkflowExecutionHistoryRequest {
        namespace: NAMESPACE.into(),
        execution: Some(execution(workflow_id)),
        wait_new_event: true,
        history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
        ..Default::default()
    };
    loop {
        let answer = match shared.insist(rpc::GET_WORKFLOW_EXECUTION_HISTORY, &request).await {
            Ok(answer) => answer,
            Err(status) => return shared.refused("long poll", &status),
        };
        // Nothing yet: the poll is asked again.
        if let Some(event) = answer.history.unwrap_or_default().events().flatten().next() {
            let mut acknowledged = shared.acknowledged();
            acknowledged.add(Kind::LongPoll);
            acknowledged.closings.insert(workflow_id.to_owned(), event.event_id);
            return;
        }
    }
}

pub fn execution(workflow_id: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() }
}

/// The whole histories of those of these workflows that exist.
pub async fn histories(address: &str, workflow_ids: &BTreeSet<String>) -> Histories {
    let client = RawClient::new(address).expect("an address");
    let mut histories = Histories::new();
    for workflow_id in workflow_ids {
        let mut events = Vec::new();
        let mut request = wf::GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.into(),
            execution: Some(execution(workflow_id)),
            ..Default::default()
        };
        loop {
            let options = CallOptions::timeout(CALL_LIMIT);
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
