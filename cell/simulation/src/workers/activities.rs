//! Workers of activity tasks.

use super::{PAUSE, POLL, answer, poll};
use crate::calls::{Caller, NAMESPACE, is_passing};
use crate::ledger::{ActivityKey, HandedOut, Told, beat_text};
use crate::plan::{ActivityPlan, Attempt, WorkerPlan};
use crate::script::{self, payloads, queue};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::time::Duration;

/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(4);
/// How long after its time is over a late worker answers.
const LATE: Duration = Duration::from_secs(3);

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
        match poll(&caller, rpc::POLL_ACTIVITY_TASK_QUEUE, &request, POLL, plan.leaves).await {
            None => {}
            Some(Ok(task)) if task.task_token.is_empty() => {}
            Some(Ok(task)) => take(&caller, plan, task).await,
            Some(Err(_)) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn take(caller: &Caller, plan: WorkerPlan, task: wf::PollActivityTaskQueueResponse) {
    let execution = task.workflow_execution.clone().unwrap_or_default();
    let workflow = caller.plan.workflow(&execution.workflow_id);
    let Some(activity) = workflow.and_then(|w| script::activity(w, &task.activity_id)) else {
        let what = format!("an unknown activity {} of {}", task.activity_id, execution.workflow_id);
        caller.ledger.lock().broke(what);
        return;
    };
    let run_id = execution.run_id;
    let index = usize::try_from(task.attempt - 1).unwrap_or(0);
    let attempt = activity.attempts.get(index).copied().unwrap_or(Attempt::Succeeds);
    caller.ledger.lock().handed_out(&run_id, activity, HandedOut::of(&task, attempt));
    carry_out(caller, plan, activity, attempt, &task, &run_id).await;
}

async fn carry_out(
    caller: &Caller,
    plan: WorkerPlan,
    activity: &ActivityPlan,
    attempt: Attempt,
    task: &wf::PollActivityTaskQueueResponse,
    run_id: &str,
) {
    match attempt {
        Attempt::Vanishes => {}
        Attempt::Fails => fail(caller, plan, task, run_id).await,
        Attempt::Beats(times) => {
            beat(caller, times, task, run_id).await;
            succeed(caller, plan, task, run_id).await;
        }
        Attempt::BeatsAndFails(times) => {
            beat(caller, times, task, run_id).await;
            fail(caller, plan, task, run_id).await;
        }
        Attempt::BeatsAndVanishes(times) => beat(caller, times, task, run_id).await,
        Attempt::Late => {
            tokio::time::sleep(activity.start_to_close + LATE).await;
            caller.ledger.lock().count("activity answered late");
            succeed(caller, plan, task, run_id).await;
        }
        Attempt::Succeeds => succeed(caller, plan, task, run_id).await,
    }
}

fn key_of(task: &wf::PollActivityTaskQueueResponse, run_id: &str) -> ActivityKey {
    (run_id.to_owned(), task.activity_id.clone())
}

/// Heartbeats so many times.
async fn beat(caller: &Caller, times: u32, task: &wf::PollActivityTaskQueueResponse, run_id: &str) {
    for number in 0..times {
        tokio::time::sleep(BEAT).await;
        let beat = (task.attempt, number);
        let request = wf::RecordActivityTaskHeartbeatRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token.clone(),
            details: payloads(&beat_text(beat)),
            identity: "worker".to_owned(),
            ..Default::default()
        };
        let attempt = (key_of(task, run_id), task.attempt);
        caller.ledger.lock().answers.of(&attempt).beats.push(Told::sent(caller.now()));
        let answer = caller.call(rpc::RECORD_ACTIVITY_TASK_HEARTBEAT, &request, POLL).await;
        let mut ledger = caller.ledger.lock();
        if let Some(told) = ledger.answers.of(&attempt).beats.last_mut() {
            told.hear(caller.now(), &answer);
        }
        match answer {
            Ok(_) => {
                ledger.count("heartbeat");
                ledger.answers.beaten(attempt.0, beat);
            }
            Err(status) if status.code == Code::NotFound || is_passing(&status) => {}
            Err(status) => {
                ledger.broke(format!("heartbeat of {} of {run_id}: {status:?}", task.activity_id));
            }
        }
    }
}

/// The worker says how its attempt ended; by which name.
fn says_the_end(caller: &Caller, task: &wf::PollActivityTaskQueueResponse, run_id: &str) -> String {
    let mut ledger = caller.ledger.lock();
    ledger.answers.of(&(key_of(task, run_id), task.attempt)).end = Some(Told::sent(caller.now()));
    ledger.answers.name()
}

async fn fail(caller: &Caller, plan: WorkerPlan, task: &wf::PollActivityTaskQueueResponse, run_id: &str) {
    let name = says_the_end(caller, task, run_id);
    let request = wf::RespondActivityTaskFailedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token.clone(),
        failure: Some(Failure {
            message: name.clone(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(Default::default())),
            ..Default::default()
        }),
        identity: "worker".to_owned(),
        ..Default::default()
    };
    let ended = |outcome: &Result<_, Status>| {
        if is_taken(caller, "failure", task, run_id, outcome) {
            let mut ledger = caller.ledger.lock();
            let before = ledger.answers.failures.insert((key_of(task, run_id), task.attempt), name.clone());
            if before.is_some() {
                ledger.broke(format!("two failures of {} of {run_id} were taken", task.activity_id));
            }
        }
    };
    answer(caller, rpc::RESPOND_ACTIVITY_TASK_FAILED, &request, plan.repeats, ended).await;
}

async fn succeed(caller: &Caller, plan: WorkerPlan, task: &wf::PollActivityTaskQueueResponse, run_id: &str) {
    let name = says_the_end(caller, task, run_id);
    let request = wf::RespondActivityTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token.clone(),
        result: payloads(&name),
        identity: "worker".to_owned(),
        ..Default::default()
    };
    let ended = |outcome: &Result<_, Status>| {
        if is_taken(caller, "completion", task, run_id, outcome) {
            let mut ledger = caller.ledger.lock();
            let before = ledger.answers.completions.insert(key_of(task, run_id), name.clone());
            if before.is_some() {
                ledger.broke(format!("two completions of {} of {run_id} were taken", task.activity_id));
            }
        }
    };
    answer(caller, rpc::RESPOND_ACTIVITY_TASK_COMPLETED, &request, plan.repeats, ended).await;
}

/// Whether an answer was taken. It may only be refused where somebody else's, or its timeout, came first.
fn is_taken<T>(
    caller: &Caller,
    what: &'static str,
    task: &wf::PollActivityTaskQueueResponse,
    run_id: &str,
    outcome: &Result<T, Status>,
) -> bool {
    let mut ledger = caller.ledger.lock();
    if let Some(told) = &mut ledger.answers.of(&(key_of(task, run_id), task.attempt)).end {
        told.hear(caller.now(), outcome);
    }
    match outcome {
        Ok(_) => {
            ledger.count(if what == "failure" { "activity failure" } else { "activity completion" });
            true
        }
        Err(status) => {
            if status.code != Code::NotFound {
                ledger.broke(format!("{what} of {} of {run_id}: {status:?}", task.activity_id));
            }
            false
        }
    }
}
