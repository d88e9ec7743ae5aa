//! When deadlines may fire, by an oracle of its own: from the events alone, and from when the cell was there.

use super::Settled;
use crate::ledger::{HandedOut, Ledger, nanos};
use crate::plan::{ActivityPlan, Attempt, Plan};
use crate::script::{STICKY_TIMEOUT, TASK_TIMEOUT};
use crate::simulation::Site;
use atoll_api::temporal::api::enums::v1::TimeoutType;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::history::v1::{ActivityTaskTimedOutEventAttributes, HistoryEvent};
use std::collections::BTreeMap;
use std::time::Duration;

/// A deadline fires within this where the store answers quickly.
const CALM: Duration = Duration::from_secs(5);
/// ... where the store fails and is slow: a shard that it loses is taken again in several calls, each of which fails as often.
const ROUGH: Duration = Duration::from_secs(25);
/// ... where the wall clock jumps, by as much as it jumps and as long as the cell sleeps at most.
const JUMPS: Duration = Duration::from_secs(150);
/// By how much the times of two shards differ where the wall clock is true.
const SKEW: Duration = Duration::from_secs(1);
/// A deadline that only a worker's call can meet waits this long behind each start of the cell.
const GRACE: Duration = Duration::from_secs(10);
/// Between two attempts of an activity: at first, how it grows, and at most.
const RETRY_MS: (f64, f64, f64) = (1_000.0, 1.5, 10_000.0);

/// Within which times deadlines fire. Times are nanoseconds of the Unix epoch.
pub(super) struct Windows {
    slack: i128,
    /// By how much the times of two shards differ at most.
    skew: i128,
    /// When the cell was away: from when, and until when.
    away: Vec<(i128, i128)>,
    /// Whether a poller may leave behind a started task, which ends it at once.
    leavers: bool,
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
        let leavers = plan.workers.iter().any(|worker| worker.leaves > 0.0) || !plan.loses_nothing();
        let skew = if plan.clock_jumps { JUMPS } else { SKEW };
        Self { slack: span(slack), skew: span(skew), away, leavers }
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

    fn judge(&self, what: impl FnOnce() -> String, due: i128, at: i128, deadlines: i128) -> Option<String> {
        let seconds = |nanos: i128| nanos as f64 / 1e9;
        if at < due {
            return Some(format!("{} came {} s early", what(), seconds(due - at)));
        }
        let latest = self.latest(due, deadlines);
        (at > latest).then(|| {
            format!(
                "{} came {} s late, {} s after the latest",
                what(),
                seconds(at - due),
                seconds(at - latest)
            )
        })
    }

    /// Judges what one shard had to do at `due` by the time of another one. No `deadlines`: there is no latest time.
    pub(super) fn judge_elsewhere(
        &self,
        what: impl FnOnce() -> String,
        due: i128,
        at: i128,
        deadlines: Option<i128>,
    ) -> Option<String> {
        match deadlines {
            Some(deadlines) => self.judge(what, due - self.skew, at, deadlines),
            None => self.judge(what, due - self.skew, at.min(due), 1),
        }
    }

    /// By how much the times of two shards differ at most.
    pub(super) fn skew(&self) -> i128 {
        self.skew
    }

    /// Timers and time-outs of a run that came before their time, or long after.
    pub(super) fn broken(&self, run: &Settled) -> Vec<String> {
        let events: BTreeMap<i64, &HistoryEvent> =
            run.events.iter().map(|event| (event.event_id, event)).collect();
        let at = |event_id: i64| events.get(&event_id).map_or(0, |event| nanos(event.event_time.as_ref()));
        let due_at = |event_id: i64| events.get(&event_id).and_then(|event| limit(event));
        let mut broken = Vec::new();
        for event in &run.events {
            let fired = nanos(event.event_time.as_ref());
            let said = || format!("{}: {:?} {}", run.workflow_id, event.event_type(), event.event_id);
            broken.extend(match event.attributes.as_ref() {
                Some(Event::TimerFiredEventAttributes(timer)) => {
                    let from = timer.started_event_id;
                    due_at(from).and_then(|limit| self.judge(said, at(from) + limit, fired, 1))
                }
                Some(Event::ActivityTaskTimedOutEventAttributes(timed_out)) => {
                    let started = at(timed_out.started_event_id);
                    due_at(timed_out.scheduled_event_id)
                        .filter(|_| is_start_to_close(timed_out))
                        .and_then(|limit| self.judge(said, started + limit, fired, 1))
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
                    // A start that is taken back ends at once.
                    let taken_back = self.leavers && limit == TASK_TIMEOUT && fired < due;
                    self.judge(said, due, fired, 1).filter(|_| !taken_back)
                }
                _ => None,
            });
        }
        broken
    }

    /// Attempts behind one that timed out which came to wait for a worker too early or too late.
    pub(super) fn broken_attempts(&self, plan: &Plan, ledger: &Ledger, settled: &[Settled]) -> Vec<String> {
        let mut broken = Vec::new();
        for ((run_id, activity_id, number), got) in &ledger.handed_out {
            let Some(run) = settled.iter().find(|run| run.run_id == *run_id) else { continue };
            let Some(activity) = crate::script::activity(&plan.workflows[run.workflow], activity_id) else {
                continue;
            };
            let next = ledger.handed_out.get(&(run_id.clone(), activity_id.clone(), number + 1));
            if let (Some(timeout), Some(next)) = (times_out_after(activity, got), next) {
                let due = got.started_at + span(timeout) + backoff(*number);
                let said = || format!("{}: attempt {} of {activity_id}", run.workflow_id, number + 1);
                // Two deadlines follow each other: the attempt's, then the pause's.
                broken.extend(self.judge(said, due, next.scheduled_at, 2));
            }
        }
        broken
    }
}

/// When nobody ends an attempt, and only where it is certain that nobody does.
fn times_out_after(activity: &ActivityPlan, got: &HandedOut) -> Option<Duration> {
    match got.attempt {
        Attempt::Vanishes | Attempt::Late => {
            Some(activity.heartbeat.map_or(activity.start_to_close, |beat| beat.min(activity.start_to_close)))
        }
        Attempt::Succeeds
        | Attempt::Fails
        | Attempt::Beats(_)
        | Attempt::BeatsAndFails(_)
        | Attempt::BeatsAndVanishes(_) => None,
    }
}

fn backoff(attempt: i32) -> i128 {
    let (first, factor, most) = RETRY_MS;
    ((first * factor.powi(attempt - 1)).min(most) * 1e6) as i128
}

fn is_start_to_close(timed_out: &ActivityTaskTimedOutEventAttributes) -> bool {
    timed_out.failure.as_ref().is_some_and(|failure| {
        matches!(&failure.failure_info, Some(FailureInfo::TimeoutFailureInfo(info))
            if info.timeout_type() == TimeoutType::StartToClose)
    })
}

/// How long what an event begins may take.
fn limit(event: &HistoryEvent) -> Option<i128> {
    let limit = match event.attributes.as_ref()? {
        Event::TimerStartedEventAttributes(timer) => timer.start_to_fire_timeout.as_ref(),
        Event::ActivityTaskScheduledEventAttributes(activity) => activity.start_to_close_timeout.as_ref(),
        Event::WorkflowExecutionStartedEventAttributes(run) => run.workflow_run_timeout.as_ref(),
        _ => None,
    }?;
    Some(i128::from(limit.seconds) * 1_000_000_000 + i128::from(limit.nanos))
}

fn span(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}
