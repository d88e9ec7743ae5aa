//! When deadlines may fire, by an oracle of its own: from the events alone, and from when the cell was there.

use super::Settled;
use crate::ledger::{Ledger, nanos};
use crate::plan::{Begin, Plan};
use crate::script::{GO, STICKY_TIMEOUT, TASK_TIMEOUT, text_of};
use crate::simulation::Site;
use crate::weather::JUMP_SECONDS;
use atoll_api::temporal::api::enums::v1::{EventType, TimeoutType};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use std::collections::BTreeMap;
use std::time::Duration;

/// A deadline fires within this where the store answers quickly.
const CALM: Duration = Duration::from_secs(5);
/// ... where the store fails and is slow: a shard that it loses is taken again in several calls, each of which fails as
/// often.
const ROUGH: Duration = Duration::from_secs(25);
/// ... where the wall clock jumps, by as much as it jumps and as long as the cell sleeps at most.
const JUMPS: Duration = Duration::from_secs(150);
/// By how much the times of two shards differ where the wall clock is true.
const SKEW: Duration = Duration::from_secs(1);
/// A deadline that only a worker's call can meet waits this long behind each start of the cell.
const GRACE: Duration = Duration::from_secs(10);
/// The next run's first task comes no sooner behind the beginning of one that continues as new.
const CONTINUED_AFTER: Duration = Duration::from_secs(1);
/// Between two attempts of an activity or a run (milliseconds): at first, how it grows, and at most.
const RETRY_MS: (f64, f64, f64) = (1_000.0, 1.5, 10_000.0);

/// Within which times deadlines fire. Times are nanoseconds of the Unix epoch.
pub(super) struct Windows {
    slack: i128,
    /// By how much the times of two shards differ at most.
    skew: i128,
    /// By how much a shard's time differs from the true one at most.
    off: i128,
    /// When the cell was away: from when, and until when.
    away: Vec<(i128, i128)>,
    /// When cells were gone, and when others began to take their shards.
    restarts: Vec<(i128, i128)>,
    /// Whether a poller may go away before it gets a task that is started for it, which ends that at once.
    leavers: bool,
    /// Whether calls fail, or deadlines move, at any moment.
    rough: bool,
}

impl Windows {
    pub(super) fn of(site: &Site) -> Self {
        let plan = &site.plan;
        let mut slack = if plan.store_fails { ROUGH } else { CALM };
        if plan.clock_jumps {
            slack += JUMPS;
        }
        let mut away: Vec<(i128, i128)> =
            site.away().iter().map(|(from, to)| (from.as_nanosecond(), to.as_nanosecond())).collect();
        away.sort_unstable();
        let leavers = plan.store_fails
            || !plan.loses_nothing()
            || plan.workers.iter().any(|worker| worker.leaves > 0.0);
        let skew = if plan.clock_jumps { JUMPS } else { SKEW };
        let restarts = site
            .restarts
            .lock()
            .iter()
            .map(|(gone, began)| (gone.as_nanosecond(), began.as_nanosecond()))
            .collect();
        let off =
            if plan.clock_jumps { Duration::from_secs(JUMP_SECONDS.unsigned_abs()) } else { Duration::ZERO };
        // A call may be refused, or fail, at any moment.
        let rough = plan.store_fails || plan.clock_jumps || plan.has_small_memory();
        Self { slack: span(slack), skew: span(skew), off: span(off), away, restarts, leavers, rough }
    }

    /// What is due then, behind so many deadlines that each came late, has to have happened by this.
    pub(super) fn latest(&self, due: i128, deadlines: i128) -> i128 {
        let mut latest = due + deadlines * self.slack;
        for (from, to) in &self.away {
            if *to + span(GRACE) > due && *from < latest {
                latest += (to - from.max(&due)).max(0) + span(GRACE);
            }
        }
        latest
    }

    fn judge(&self, what: impl Fn() -> String, due: i128, at: i128, deadlines: i128) -> Option<String> {
        let early = self.not_before_its_time(&what, due, at);
        early.or_else(|| self.not_after(what, due, at, deadlines))
    }

    /// What was due then came too early, by the same shard's time.
    pub(super) fn not_before_its_time(
        &self,
        what: impl Fn() -> String,
        due: i128,
        at: i128,
    ) -> Option<String> {
        (at < due).then(|| format!("{} came {} s early", what(), seconds(due - at)))
    }

    /// What was due then on one shard came too early by the time of another one.
    pub(super) fn not_before(&self, what: impl Fn() -> String, due: i128, at: i128) -> Option<String> {
        let least = due - self.skew;
        (at < least).then(|| format!("{} came {} s early", what(), seconds(least - at)))
    }

    /// What was due then, behind so many deadlines, came too late.
    pub(super) fn not_after(
        &self,
        what: impl Fn() -> String,
        due: i128,
        at: i128,
        deadlines: i128,
    ) -> Option<String> {
        let latest = self.latest(due, deadlines);
        (at > latest).then(|| {
            let (late, behind) = (seconds(at - due), seconds(at - latest));
            format!("{} came {late} s late, {behind} s after the latest", what())
        })
    }

    /// A deadline that only a worker's call can meet came before the worker could reach the cell that had begun
    /// meanwhile.
    pub(super) fn not_in_grace(
        &self,
        what: impl Fn() -> String,
        from: i128,
        limit: i128,
        at: i128,
    ) -> Option<String> {
        let began =
            self.restarts.iter().map(|(_, began)| began).filter(|began| (from..at).contains(began)).max()?;
        let ends = began + limit.min(span(GRACE)) - self.skew;
        (at < ends)
            .then(|| format!("{} came {} s before its worker's grace ended", what(), seconds(ends - at)))
    }

    /// By how much the times of two shards differ at most.
    pub(super) fn skew(&self) -> i128 {
        self.skew
    }

    /// By how much a shard's time differs from the true one at most.
    pub(super) fn off(&self) -> i128 {
        self.off
    }

    /// Whether a call between these moments may have failed, or a deadline come early for its caller.
    pub(super) fn are_troubled(&self, from: i128, to: i128) -> bool {
        let meets = |(gone, back): &(i128, i128)| *gone <= to && *back >= from;
        self.rough || self.away.iter().any(meets) || self.restarts.iter().any(meets)
    }

    /// Whether what began then and was over then, at the earliest, may have been over when a cell was gone.
    pub(super) fn may_be_over_before_a_restart(&self, began: i128, over: i128) -> bool {
        self.restarts.iter().any(|(gone, _)| (began..gone + self.skew).contains(&over))
    }

    /// Timers and time-outs of runs that came before their time, or long after.
    pub(super) fn broken(&self, plan: &Plan, ledger: &Ledger, settled: &[Settled]) -> Vec<String> {
        let waits = first_tasks_wait(plan, settled);
        settled.iter().flat_map(|run| self.broken_of(plan, ledger, run, waits[run.run_id.as_str()])).collect()
    }

    /// As `broken`, of a run whose first task waits so long.
    fn broken_of(&self, plan: &Plan, ledger: &Ledger, run: &Settled, waits: i128) -> Vec<String> {
        let events: BTreeMap<i64, &HistoryEvent> =
            run.events.iter().map(|event| (event.event_id, event)).collect();
        let at = |event_id: i64| events.get(&event_id).map_or(0, |event| nanos(event.event_time.as_ref()));
        let due_at = |event_id: i64| events.get(&event_id).and_then(|event| limit(event));
        let mut broken = Vec::new();
        let mut began = false;
        for event in &run.events {
            let fired = nanos(event.event_time.as_ref());
            let said = || format!("{}: {:?} {}", run.workflow_id, event.event_type(), event.event_id);
            broken.extend(match event.attributes.as_ref() {
                Some(Event::TimerFiredEventAttributes(timer)) => {
                    let from = timer.started_event_id;
                    due_at(from).and_then(|limit| self.judge(said, at(from) + limit, fired, 1))
                }
                Some(Event::WorkflowTaskScheduledEventAttributes(_)) if !began => {
                    began = true;
                    let due = match signal_of_start(plan, run) {
                        Some(signal) if waits > 0 => at(signal),
                        _ => at(1) + waits,
                    };
                    // A child's waits for its parent to know of it.
                    let is_child = plan.workflows[run.workflow].begins == Begin::Parent && run.run == 0;
                    self.judge(said, due, fired, if is_child { 3 } else { 1 })
                }
                Some(Event::WorkflowExecutionTimedOutEventAttributes(_)) => {
                    due_at(1).and_then(|limit| self.judge(said, at(1) + limit, fired, 1))
                }
                Some(Event::WorkflowTaskTimedOutEventAttributes(timed_out)) => {
                    let (from, limit) = match timed_out.timeout_type() {
                        TimeoutType::ScheduleToStart => (timed_out.scheduled_event_id, STICKY_TIMEOUT),
                        _ => (timed_out.started_event_id, TASK_TIMEOUT),
                    };
                    let due = at(from) + span(limit);
                    // A start that nobody got is taken back: it ends at once.
                    let got = (run.run_id.clone(), from, at(from));
                    let taken_back = self.leavers
                        && limit == TASK_TIMEOUT
                        && fired < due
                        && !ledger.workflow_tasks.contains(&got);
                    let early = self.not_in_grace(said, at(from), span(limit), fired);
                    early.or_else(|| self.judge(said, due, fired, 1)).filter(|_| !taken_back)
                }
                _ => None,
            });
        }
        broken
    }
}

fn seconds(nanos: i128) -> f64 {
    nanos as f64 / 1e9
}

/// The pause behind an attempt of an activity or a run.
pub(super) fn backoff(attempt: i32) -> i128 {
    let (first, factor, most) = RETRY_MS;
    ((first * factor.powi(attempt - 1)).min(most) * 1e6) as i128
}

/// How long each run waits for its first task, by run id: behind a run that failed as the policy has it, and behind one
/// that continued as new until that has lasted long enough. Those of a chain stand together, in their order.
fn first_tasks_wait<'r>(plan: &Plan, settled: &'r [Settled]) -> BTreeMap<&'r str, i128> {
    let began = |run: &Settled| nanos(run.events.first().and_then(|event| event.event_time.as_ref()));
    let mut waits = BTreeMap::new();
    let mut last = 0;
    for (index, run) in settled.iter().enumerate() {
        last = match index.checked_sub(1).map(|before| &settled[before]).filter(|_| run.run > 0) {
            None => 0,
            Some(_) if plan.workflows[run.workflow].retries > 0 => {
                backoff(i32::try_from(run.run).unwrap_or(i32::MAX))
            }
            Some(before) => {
                let lasted = began(run) - (began(before) + last);
                span(CONTINUED_AFTER) - lasted.clamp(0, span(CONTINUED_AFTER))
            }
        };
        waits.insert(run.run_id.as_str(), last);
    }
    waits
}

/// The signal of a start whose answer was lost, which found this run waiting for its first task: the run waits no
/// longer, as in the original.
fn signal_of_start(plan: &Plan, run: &Settled) -> Option<i64> {
    if !matches!(plan.workflows[run.workflow].begins, Begin::Signal(_)) {
        return None;
    }
    let before = run.events.iter().take_while(|event| event.event_type() != EventType::WorkflowTaskScheduled);
    before.filter(|event| is_signal_of_start(event)).map(|event| event.event_id).next()
}

fn is_signal_of_start(event: &HistoryEvent) -> bool {
    matches!(event.attributes.as_ref(), Some(Event::WorkflowExecutionSignaledEventAttributes(signal))
        if signal.signal_name == GO && signal.input.as_ref().map(text_of).as_deref() == Some("0"))
}

/// How long what an event begins may take.
fn limit(event: &HistoryEvent) -> Option<i128> {
    let limit = match event.attributes.as_ref()? {
        Event::TimerStartedEventAttributes(timer) => timer.start_to_fire_timeout.as_ref(),
        Event::WorkflowExecutionStartedEventAttributes(run) => run.workflow_run_timeout.as_ref(),
        _ => None,
    }?;
    Some(i128::from(limit.seconds) * 1_000_000_000 + i128::from(limit.nanos))
}

pub(super) fn span(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}
