//! What workers were acknowledged is found again: in histories, and before that in what is pending when a cell begins.

use super::Settled;
use crate::calls::{Caller, NAMESPACE, execution};
use crate::ledger::{ActivityKey, Answers, Ledger, beat_of};
use crate::script::text_of;
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::workflow::v1::PendingActivityInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::collections::{BTreeMap, BTreeSet};

/// How an activity ended in history.
#[derive(Default)]
struct Ended<'e> {
    attempt: i32,
    last_failure: Option<&'e Failure>,
    /// The result, where it completed.
    result: Option<String>,
    /// The failure, where it failed or timed out.
    failure: Option<&'e Failure>,
}

/// Answers that were acknowledged and are not in the run's history.
pub(super) fn broken(answers: &Answers, run: &Settled) -> Vec<String> {
    let mut broken = Vec::new();
    let mut there = BTreeSet::new();
    for event in &run.events {
        if let Some(Event::WorkflowTaskCompletedEventAttributes(completed)) = &event.attributes {
            there.insert(completed.identity.as_str());
        }
    }
    for (_, name) in answers.workflow_tasks.iter().filter(|(run_id, _)| *run_id == run.run_id) {
        if !there.contains(name.as_str()) {
            broken.push(format!("{}: {name} to a workflow task is not in history", run.workflow_id));
        }
    }
    let ended = ended(run);
    let mine = |(run_id, _): &ActivityKey| *run_id == run.run_id;
    for ((_, activity_id), name) in answers.completions.iter().filter(|(key, _)| mine(key)) {
        let result = ended.get(activity_id.as_str()).and_then(|ended| ended.result.as_ref());
        if result != Some(name) {
            let what = format!("{name} completed activity {activity_id}, its result is {result:?}");
            broken.push(format!("{}: {what}", run.workflow_id));
        }
    }
    for (((_, activity_id), attempt), name) in answers.failures.iter().filter(|((key, _), _)| mine(key)) {
        // A run may be closed before its activity ends.
        let Some(ended) = ended.get(activity_id.as_str()) else { continue };
        let found = match ended.attempt - attempt {
            0 => ended.failure,
            1 => ended.last_failure,
            behind if behind > 1 => continue,
            _ => None,
        };
        if found.map(|failure| &failure.message) != Some(name) {
            let what = format!("{name} failed attempt {attempt} of activity {activity_id}, which {found:?}");
            broken.push(format!("{}: {what}", run.workflow_id));
        }
    }
    for (activity_id, ended) in &ended {
        let Some(FailureInfo::TimeoutFailureInfo(timeout)) =
            ended.failure.and_then(|failure| failure.failure_info.as_ref())
        else {
            continue;
        };
        let last = answers.last_beat(&(run.run_id.clone(), (*activity_id).to_owned()), ended.attempt);
        let told = timeout.last_heartbeat_details.as_ref().and_then(|details| beat_of(&text_of(details)));
        if told < last {
            let what = format!("activity {activity_id} timed out behind heartbeat {last:?}, shows {told:?}");
            broken.push(format!("{}: {what}", run.workflow_id));
        }
    }
    broken
}

fn ended(run: &Settled) -> BTreeMap<&str, Ended<'_>> {
    let mut names: BTreeMap<i64, &str> = BTreeMap::new();
    let mut ended: BTreeMap<&str, Ended<'_>> = BTreeMap::new();
    for event in &run.events {
        let (scheduled, change): (i64, Ended<'_>) = match event.attributes.as_ref() {
            Some(Event::ActivityTaskScheduledEventAttributes(a)) => {
                names.insert(event.event_id, &a.activity_id);
                continue;
            }
            Some(Event::ActivityTaskStartedEventAttributes(a)) => {
                let last_failure = a.last_failure.as_ref();
                (a.scheduled_event_id, Ended { attempt: a.attempt, last_failure, ..Ended::default() })
            }
            Some(Event::ActivityTaskCompletedEventAttributes(a)) => {
                let result = a.result.as_ref().map(text_of);
                (a.scheduled_event_id, Ended { result, ..Ended::default() })
            }
            Some(Event::ActivityTaskFailedEventAttributes(a)) => {
                (a.scheduled_event_id, Ended { failure: a.failure.as_ref(), ..Ended::default() })
            }
            Some(Event::ActivityTaskTimedOutEventAttributes(a)) => {
                (a.scheduled_event_id, Ended { failure: a.failure.as_ref(), ..Ended::default() })
            }
            _ => continue,
        };
        let Some(name) = names.get(&scheduled) else { continue };
        let of = ended.entry(name).or_default();
        *of = Ended {
            attempt: of.attempt.max(change.attempt),
            last_failure: of.last_failure.or(change.last_failure),
            result: of.result.take().or(change.result),
            failure: of.failure.or(change.failure),
        };
    }
    ended
}

/// Attempts that were handed out without what earlier ones had said in their heartbeats.
pub(super) fn forgotten_beats(ledger: &Ledger) -> Vec<String> {
    let mut broken = Vec::new();
    for ((run_id, activity_id, attempt), got) in &ledger.handed_out {
        let last = ledger.answers.last_beat(&(run_id.clone(), activity_id.clone()), attempt - 1);
        if got.beat < last {
            let what = format!("attempt {attempt} of activity {activity_id} was handed out with heartbeat");
            broken.push(format!("{}: {what} {:?}, the last one is {last:?}", got.workflow_id, got.beat));
        }
    }
    broken
}

/// Looks at what is pending when a cell begins: what was acknowledged before stands.
pub(crate) async fn pending(caller: Caller) {
    let (answers, runs) = {
        let ledger = caller.ledger.lock();
        let handed_out = ledger.handed_out.iter();
        let runs: BTreeMap<String, String> =
            handed_out.map(|((run_id, ..), got)| (run_id.clone(), got.workflow_id.clone())).collect();
        (ledger.answers.clone(), runs)
    };
    for (run_id, workflow_id) in runs {
        let request = wf::DescribeWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            execution: execution(&workflow_id, &run_id),
        };
        match caller.insist(rpc::DESCRIBE_WORKFLOW_EXECUTION, &request).await {
            Ok(described) => {
                let wrong = described.pending_activities.iter().flat_map(|is| wrong(&answers, &run_id, is));
                caller.ledger.lock().broken.extend(wrong.map(|what| format!("{workflow_id}: {what}")));
            }
            Err(status) => caller.ledger.lock().broke(format!("{workflow_id} of {run_id}: {status:?}")),
        }
    }
}

/// What of an activity that is pending goes against what was acknowledged before.
fn wrong(answers: &Answers, run_id: &str, is: &PendingActivityInfo) -> Vec<String> {
    let mut wrong = Vec::new();
    let key = (run_id.to_owned(), is.activity_id.clone());
    let told = is.heartbeat_details.as_ref().and_then(|details| beat_of(&text_of(details)));
    let last = answers.last_beat(&key, i32::MAX);
    if told < last {
        wrong.push(format!("activity {} has heartbeat {told:?}, the last one is {last:?}", is.activity_id));
    }
    if let Some(name) = answers.completions.get(&key) {
        wrong.push(format!("{name} completed activity {}, which is pending", is.activity_id));
    }
    let failures = (key.clone(), 0)..=(key, i32::MAX);
    if let Some(((_, attempt), name)) = answers.failures.range(failures).next_back() {
        let message = is.last_failure.as_ref().map(|failure| failure.message.as_str());
        let is_next = is.attempt == attempt + 1;
        if is.attempt <= *attempt || is_next && message != Some(name) {
            let now = format!("is at attempt {} behind {message:?}", is.attempt);
            wrong.push(format!("{name} failed attempt {attempt} of {}, which {now}", is.activity_id));
        }
    }
    wrong
}
