//! Workers of workflow tasks.

use super::{PAUSE, POLL, answer, poll};
use crate::calls::{Caller, NAMESPACE};
use crate::ledger::nanos;
use crate::plan::WorkerPlan;
use crate::script::{self, QUEUE, TASK_TIMEOUT, proto, queue};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::enums::v1::{EventType, TaskQueueKind, WorkflowTaskFailedCause};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::taskqueue::v1::{StickyExecutionAttributes, TaskQueue};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a worker with a cache looks at its own queue before it looks at everybody's.
const GLANCE: Duration = Duration::from_secs(3);
/// How long after its time is over a late worker answers.
const LATE: Duration = Duration::from_secs(2);

/// One worker process.
struct Worker {
    caller: Caller,
    plan: WorkerPlan,
    /// Its own queue, where it caches workflows.
    sticky: Option<TaskQueue>,
    /// Histories by run id.
    cache: BTreeMap<String, Vec<HistoryEvent>>,
}

/// Polls workflow tasks on the normal queue, and on a sticky one of its own where it caches workflows, until the cell's
/// life is over.
pub(crate) async fn workflow_worker(caller: Caller, number: usize, cell: usize) {
    let plan = caller.plan.workers[number % caller.plan.workers.len()];
    let sticky = plan.sticky.then(|| TaskQueue {
        name: format!("sticky-{cell}-{number}"),
        kind: TaskQueueKind::Sticky as i32,
        normal_name: QUEUE.to_owned(),
    });
    let mut worker = Worker { caller, plan, sticky, cache: BTreeMap::new() };
    let mut turn = 0_u64;
    loop {
        turn += 1;
        let own = worker.sticky.clone().filter(|_| turn.is_multiple_of(2));
        let patience = if own.is_some() { GLANCE } else { POLL };
        let request = wf::PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: own.or_else(queue),
            identity: format!("worker-{number}"),
            ..Default::default()
        };
        let (caller, leaves) = (&worker.caller, plan.leaves);
        match poll(caller, rpc::POLL_WORKFLOW_TASK_QUEUE, &request, patience, leaves).await {
            None => {}
            Some(Ok(task)) if task.task_token.is_empty() => {}
            Some(Ok(task)) => worker.take(task).await,
            Some(Err(_)) => tokio::time::sleep(PAUSE).await,
        }
    }
}

impl Worker {
    async fn take(&mut self, task: wf::PollWorkflowTaskQueueResponse) {
        let execution = task.workflow_execution.clone().unwrap_or_default();
        let run_id = execution.run_id.clone();
        {
            let mut ledger = self.caller.ledger.lock();
            ledger.count("workflow task");
            let started_at = nanos(task.started_time.as_ref());
            ledger.workflow_tasks.insert((run_id.clone(), task.started_event_id, started_at));
        }
        let plan = self.caller.plan.clone();
        let Some(workflow) = plan.workflow(&execution.workflow_id) else {
            let what = format!("a task of the unknown workflow {}", execution.workflow_id);
            self.caller.ledger.lock().broke(what);
            return;
        };
        let Some(mut events) = self.whole_history(&task, &execution.workflow_id, &run_id).await else {
            return;
        };
        let durable = events.len().saturating_sub(if is_scheduled_by_start(&events) { 2 } else { 1 });
        self.caller.saw(&run_id, &events[..durable]);
        for (index, event) in events.iter().enumerate() {
            if event.event_id != index as i64 + 1 {
                let what = format!("run {run_id}: event {} stands at place {}", event.event_id, index + 1);
                self.caller.ledger.lock().broke(what);
                return;
            }
        }
        if self.caller.world.chance(self.plan.loses) {
            return;
        }
        if self.caller.world.chance(self.plan.fails) {
            self.fail(&task).await;
            return;
        }
        if self.caller.world.chance(self.plan.late) {
            tokio::time::sleep(TASK_TIMEOUT + LATE).await;
            self.caller.ledger.lock().count("workflow task answered late");
        }
        let name = self.caller.ledger.lock().answers.name();
        let request = wf::RespondWorkflowTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token.clone(),
            identity: name.clone(),
            commands: script::decide(&plan, workflow, &events),
            sticky_attributes: self.sticky.clone().map(|queue| StickyExecutionAttributes {
                worker_task_queue: Some(queue),
                schedule_to_start_timeout: proto(script::STICKY_TIMEOUT),
            }),
            ..Default::default()
        };
        let (caller, repeats) = (&self.caller, self.plan.repeats);
        let ended = |outcome: &Result<_, Status>| {
            let mut ledger = caller.ledger.lock();
            match outcome {
                Ok(_) if !ledger.answers.workflow_tasks.insert((run_id.clone(), name.clone())) => {
                    ledger.broke(format!("{name} to a workflow task of {run_id} was taken twice"));
                }
                Ok(_) => ledger.count("workflow task completion"),
                // Its timeout came first, or what came meanwhile wants another look.
                Err(status) if matches!(status.code, Code::NotFound | Code::InvalidArgument) => {}
                Err(status) => ledger.broke(format!("{name} to a workflow task of {run_id}: {status:?}")),
            }
        };
        answer(caller, rpc::RESPOND_WORKFLOW_TASK_COMPLETED, &request, repeats, ended).await;
        // What the cell answers to this task is only in its history: the cache ends before it.
        events.truncate(durable);
        self.cache.insert(run_id, events);
    }

    async fn fail(&self, task: &wf::PollWorkflowTaskQueueResponse) {
        let request = wf::RespondWorkflowTaskFailedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token.clone(),
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure as i32,
            identity: "worker".to_owned(),
            ..Default::default()
        };
        let _ = self.caller.call(rpc::RESPOND_WORKFLOW_TASK_FAILED, &request, POLL).await;
    }

    /// The history that a task comes with, made whole from the cache or the cell.
    async fn whole_history(
        &self,
        task: &wf::PollWorkflowTaskQueueResponse,
        workflow_id: &str,
        run_id: &str,
    ) -> Option<Vec<HistoryEvent>> {
        let caller = &self.caller;
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
        let before = match self.cache.get(run_id).filter(|cached| cached.len() >= missing) {
            Some(cached) => cached[..missing].to_vec(),
            None => {
                let mut whole = caller.history(workflow_id, run_id).await.ok()?;
                whole.truncate(missing);
                whole
            }
        };
        Some(before.into_iter().chain(given).collect())
    }
}

/// Whether the scheduled event of the newest task may be written with its start, which is shown before it is durable:
/// behind an attempt that failed there is none before, whatever else has happened since.
fn is_scheduled_by_start(events: &[HistoryEvent]) -> bool {
    let before = events.split_last_chunk::<2>().map_or(&[][..], |(before, _)| before);
    let mut ends = before.iter().rev().map(HistoryEvent::event_type);
    let end = ends.find(|kind| {
        matches!(
            kind,
            EventType::WorkflowTaskCompleted
                | EventType::WorkflowTaskFailed
                | EventType::WorkflowTaskTimedOut
        )
    });
    end.is_some_and(|end| end != EventType::WorkflowTaskCompleted)
}
