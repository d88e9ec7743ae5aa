//! What clients and workers were told: what the cell must hold to, whatever happened to it.

mod answers;

pub(crate) use answers::{ActivityKey, Answers, Beat, Said, Told, beat_of, beat_text};

use crate::plan::{ActivityPlan, Attempt};
use crate::script::text_of;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::workflowservice::v1::PollActivityTaskQueueResponse;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// Everything that was acknowledged, handed out or shown. Outlives the cell.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Run ids by workflow id, of starts that were acknowledged.
    pub(crate) started: BTreeMap<String, Vec<String>>,
    /// Workflows whose cancellation was acknowledged, and when (nanoseconds of the Unix epoch).
    pub(crate) canceled: BTreeMap<String, i128>,
    /// Workflows whose termination was acknowledged.
    pub(crate) terminated: BTreeSet<String>,
    /// Schedules whose making was acknowledged, by their ids.
    pub(crate) schedules: BTreeSet<String>,
    /// Signals that were acknowledged, by workflow id: their numbers.
    pub(crate) signalled: BTreeMap<String, Vec<usize>>,
    /// Attempts of activities that workers got, by run id, activity id and number.
    pub(crate) handed_out: BTreeMap<(String, String, i32), HandedOut>,
    /// Workflow tasks that workers got: by run id, started event id, and when they started by the cell's word
    /// (nanoseconds of the Unix epoch). A start that was lost with its shard is none of those in history, whatever its
    /// event's id.
    pub(crate) workflow_tasks: BTreeSet<(String, i64, i128)>,
    /// Answers of workers that were acknowledged.
    pub(crate) answers: Answers,
    /// Digests of events that somebody saw as durable, by run id and event id.
    seen: BTreeMap<(String, i64), (u64, String)>,
    /// What the cell has already broken.
    pub(crate) broken: Vec<String>,
    /// How many cells there have been.
    cells: usize,
    /// Calls by outcome, for the floors that say that a simulation was one.
    pub(crate) calls: BTreeMap<&'static str, u64>,
}

/// An attempt of an activity as a worker got it. Times are nanoseconds of the Unix epoch, by the cell's word.
#[derive(Clone, Debug)]
pub(crate) struct HandedOut {
    pub(crate) workflow_id: String,
    activity_id: String,
    number: i32,
    /// The last heartbeat of earlier attempts.
    pub(crate) beat: Option<Beat>,
    /// When it came to wait for a worker.
    pub(crate) scheduled_at: i128,
    pub(crate) started_at: i128,
    /// What its worker does.
    pub(crate) attempt: Attempt,
}

impl HandedOut {
    pub(crate) fn of(task: &PollActivityTaskQueueResponse, attempt: Attempt) -> Self {
        let execution = task.workflow_execution.clone().unwrap_or_default();
        Self {
            workflow_id: execution.workflow_id,
            activity_id: task.activity_id.clone(),
            beat: task.heartbeat_details.as_ref().and_then(|details| beat_of(&text_of(details))),
            number: task.attempt,
            scheduled_at: nanos(task.current_attempt_scheduled_time.as_ref()),
            started_at: nanos(task.started_time.as_ref()),
            attempt,
        }
    }
}

/// A moment in nanoseconds of the Unix epoch.
pub(crate) fn nanos(at: Option<&prost_types::Timestamp>) -> i128 {
    at.map_or(0, |at| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos))
}

impl Ledger {
    /// A cell begins to serve; which one it is.
    pub(crate) fn one_more_cell(&mut self) -> usize {
        self.cells += 1;
        self.cells
    }

    /// A promise was broken.
    pub(crate) fn broke(&mut self, what: String) {
        self.broken.push(what);
    }

    /// Counts an acknowledged call.
    pub(crate) fn count(&mut self, call: &'static str) {
        *self.calls.entry(call).or_default() += 1;
    }

    /// A worker got an attempt of an activity, which no other worker ever gets.
    pub(crate) fn handed_out(&mut self, run_id: &str, activity: &ActivityPlan, got: HandedOut) {
        self.count("activity task");
        let key = (run_id.to_owned(), got.activity_id.clone(), got.number);
        if activity.maximum_attempts != 0 && got.number > activity.maximum_attempts {
            self.broke(format!("activity {} of run {run_id} got attempt {}", got.activity_id, got.number));
        }
        if let Some(before) = self.handed_out.insert(key, got.clone()) {
            self.broke(format!("of run {run_id} a worker got {before:?}, another {got:?}"));
        }
    }

    /// A start was acknowledged; it names the same run however often it is asked, but for one that `may` name a later
    /// run of the chain.
    pub(crate) fn start_acknowledged(&mut self, workflow_id: &str, run_id: &str, may: bool) {
        let known = self.started.entry(workflow_id.to_owned()).or_default();
        if known.iter().any(|known| known == run_id) {
            return;
        }
        let differs = known.first().filter(|_| !may).cloned();
        known.push(run_id.to_owned());
        if let Some(first) = differs {
            self.broke(format!("start of {workflow_id} answered run {first}, then {run_id}"));
        }
    }

    /// Somebody saw an event as part of a history.
    pub(crate) fn saw(&mut self, run_id: &str, event: &HistoryEvent) {
        let digest = xxh3_64(&event.encode_to_vec());
        let shown = format!("{:?}", event.event_type());
        match self.seen.get(&(run_id.to_owned(), event.event_id)) {
            Some((known, before)) if *known != digest => {
                let what =
                    format!("event {} of run {run_id} was {before} and became {shown}", event.event_id);
                self.broke(what);
            }
            Some(_) => {}
            None => {
                self.seen.insert((run_id.to_owned(), event.event_id), (digest, shown));
            }
        }
    }

    /// Events of runs that were seen and are not in the final history, which `len` answers by run id.
    pub(crate) fn vanished(&self, mut len: impl FnMut(&str) -> i64) -> Vec<String> {
        self.seen
            .iter()
            .filter(|((run_id, event_id), _)| *event_id > len(run_id))
            .map(|((run_id, event_id), (_, shown))| {
                format!("event {event_id} ({shown}) of run {run_id} vanished")
            })
            .collect()
    }
}
