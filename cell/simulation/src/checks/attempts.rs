//! When attempts of activities end, and how: by what their workers told the cell, and when.

use super::Settled;
use super::timing::{Windows, backoff, span};
use crate::ledger::{ActivityKey, HandedOut, Ledger, Said, nanos};
use crate::plan::{ActivityPlan, Plan};
use crate::script;
use atoll_api::temporal::api::enums::v1::TimeoutType;
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use std::collections::BTreeMap;

/// When the times of an attempt are over, by its shard's time (nanoseconds of the Unix epoch).
struct Times {
    /// Its whole time.
    whole: i128,
    /// Its time without a heartbeat, at the earliest and at the latest: of some heartbeats nobody knows whether they
    /// were taken.
    quiet: Option<(i128, i128)>,
}

impl Times {
    fn of(windows: &Windows, activity: &ActivityPlan, started_at: i128, said: Option<&Said>) -> Self {
        let beats = || said.into_iter().flat_map(|said| &said.beats);
        let quiet = activity.heartbeat.map(|limit| {
            let taken = beats().filter(|beat| beat.taken == Some(true));
            let may = beats().filter(|beat| beat.taken != Some(false));
            let last = taken.map(|beat| beat.sent_at - windows.off()).max();
            let may_be_last = may.map(|beat| beat.until() + windows.off()).max();
            let behind = |last: Option<i128>| last.unwrap_or(started_at).max(started_at) + span(limit);
            (behind(last), behind(may_be_last))
        });
        Self { whole: started_at + span(activity.start_to_close), quiet }
    }

    fn earliest(&self) -> i128 {
        self.quiet.map_or(self.whole, |(earliest, _)| earliest.min(self.whole))
    }

    fn latest(&self) -> i128 {
        self.quiet.map_or(self.whole, |(_, latest)| latest.min(self.whole))
    }
}

/// How an activity ended in history, in its last attempt.
struct End<'e> {
    key: ActivityKey,
    plan: &'e ActivityPlan,
    attempt: i32,
    started_at: i128,
    ended_at: i128,
    how: How<'e>,
}

#[derive(Clone, Copy, Debug)]
enum How<'e> {
    Completed,
    Failed,
    TimedOut(Option<&'e Failure>),
}

/// Ends of activities that do not fit what was planned and told, or came at the wrong time; attempts that followed too
/// early or too late.
pub(super) fn broken(windows: &Windows, plan: &Plan, ledger: &Ledger, settled: &[Settled]) -> Vec<String> {
    let ends = || settled.iter().flat_map(|run| ends(plan, run).into_iter().map(move |end| (run, end)));
    let in_time = ends().flat_map(|(run, end)| in_time(windows, ledger, run, &end));
    let as_planned = ends().filter_map(|(run, end)| as_planned(windows, ledger, run, &end));
    let mut broken: Vec<String> = in_time.chain(as_planned).collect();
    let runs: BTreeMap<&str, &Settled> = settled.iter().map(|run| (run.run_id.as_str(), run)).collect();
    for ((run_id, activity_id, number), got) in &ledger.handed_out {
        let Some(run) = runs.get(run_id.as_str()) else { continue };
        let Some(activity) = script::activity(&plan.workflows[run.workflow], activity_id) else { continue };
        let key = ((run_id.clone(), activity_id.clone()), *number);
        let attempt = Handed { key: &key, activity, got, said: ledger.answers.said.get(&key) };
        let next = ledger.handed_out.get(&(run_id.clone(), activity_id.clone(), number + 1));
        broken.extend(next.into_iter().flat_map(|next| followed(windows, run, &attempt, next)));
        broken.extend(refused(windows, run, &attempt));
    }
    broken
}

/// Activities of a run that have ended.
fn ends<'e>(plan: &'e Plan, run: &'e Settled) -> Vec<End<'e>> {
    let mut names: BTreeMap<i64, &str> = BTreeMap::new();
    let mut started: BTreeMap<i64, (i32, i128)> = BTreeMap::new();
    let mut ends = Vec::new();
    for event in &run.events {
        let at = nanos(event.event_time.as_ref());
        let (scheduled, how) = match event.attributes.as_ref() {
            Some(Event::ActivityTaskScheduledEventAttributes(a)) => {
                names.insert(event.event_id, &a.activity_id);
                continue;
            }
            Some(Event::ActivityTaskStartedEventAttributes(a)) => {
                started.insert(a.scheduled_event_id, (a.attempt, at));
                continue;
            }
            Some(Event::ActivityTaskCompletedEventAttributes(a)) => (a.scheduled_event_id, How::Completed),
            Some(Event::ActivityTaskFailedEventAttributes(a)) => (a.scheduled_event_id, How::Failed),
            Some(Event::ActivityTaskTimedOutEventAttributes(a)) => {
                (a.scheduled_event_id, How::TimedOut(a.failure.as_ref()))
            }
            _ => continue,
        };
        let (Some(name), Some((attempt, started_at))) = (names.get(&scheduled), started.get(&scheduled))
        else {
            continue;
        };
        let Some(activity) = script::activity(&plan.workflows[run.workflow], name) else { continue };
        ends.push(End {
            key: (run.run_id.clone(), (*name).to_owned()),
            plan: activity,
            attempt: *attempt,
            started_at: *started_at,
            ended_at: at,
            how,
        });
    }
    ends
}

/// Time-outs that came before their time or long after, and answers that were taken long after.
fn in_time(windows: &Windows, ledger: &Ledger, run: &Settled, end: &End<'_>) -> Vec<String> {
    let said = ledger.answers.said.get(&(end.key.clone(), end.attempt));
    let times = Times::of(windows, end.plan, end.started_at, said);
    let what = || {
        let (how, at) = (end.how, end.attempt);
        format!("{}: the end of activity {} in attempt {at}, {how:?},", run.workflow_id, end.key.1)
    };
    let late = windows.not_after(what, times.latest(), end.ended_at, 1);
    let How::TimedOut(failure) = end.how else { return late.into_iter().collect() };
    let (earliest, limit) = match (timeout_type(failure), times.quiet, end.plan.heartbeat) {
        (TimeoutType::StartToClose, ..) => (times.whole, end.plan.start_to_close),
        (TimeoutType::Heartbeat, Some((earliest, _)), Some(limit)) => (earliest, limit),
        _ => return vec![format!("{} is of no time that it has", what())],
    };
    let early = windows.not_before_its_time(what, earliest, end.ended_at);
    let in_grace = windows.not_in_grace(what, end.started_at, span(limit), end.ended_at);
    in_grace.or(early).or(late).into_iter().collect()
}

fn timeout_type(failure: Option<&Failure>) -> TimeoutType {
    match failure.and_then(|failure| failure.failure_info.as_ref()) {
        Some(FailureInfo::TimeoutFailureInfo(info)) => info.timeout_type(),
        _ => TimeoutType::Unspecified,
    }
}

/// An end that the plan has no room for. A worker that answers may be timed out only where it, or the cell, was in
/// trouble meanwhile.
fn as_planned(windows: &Windows, ledger: &Ledger, run: &Settled, end: &End<'_>) -> Option<String> {
    let (run_id, activity_id) = end.key.clone();
    let got = ledger.handed_out.get(&(run_id, activity_id, end.attempt));
    let planned = got.map(|got| got.attempt);
    let is_last = end.plan.maximum_attempts != 0 && end.attempt >= end.plan.maximum_attempts;
    let fits = match (end.how, planned) {
        (How::Completed, Some(planned)) => planned.succeeds(),
        (How::Failed, Some(planned)) => is_last && planned.fails(),
        (How::Completed | How::Failed, None) => false,
        // What nobody got is judged where nothing may be lost.
        (How::TimedOut(_), None) => is_last,
        (How::TimedOut(_), Some(planned)) => {
            let answers = !planned.is_silent();
            is_last && (!answers || windows.are_troubled(end.started_at, end.ended_at))
        }
    };
    (!fits).then(|| {
        let (how, attempt, said) =
            (end.how, end.attempt, ledger.answers.said.get(&(end.key.clone(), end.attempt)));
        let what = format!("attempt {attempt} of activity {}, whose plan is {planned:?}", end.key.1);
        format!("{}: {what}, came to {how:?} behind {said:?}", run.workflow_id)
    })
}

/// An attempt that a worker got.
struct Handed<'l> {
    key: &'l (ActivityKey, i32),
    activity: &'l ActivityPlan,
    got: &'l HandedOut,
    said: Option<&'l Said>,
}

impl Handed<'_> {
    /// When it ended if another one followed, at the earliest and at the latest, and how many deadlines that had to
    /// wait for.
    fn ended(&self, windows: &Windows) -> (i128, i128, i128) {
        let times = Times::of(windows, self.activity, self.got.started_at, self.said);
        let told = self.said.and_then(|said| said.end).filter(|_| self.got.attempt.fails());
        match told {
            Some(told) if told.taken == Some(true) => {
                (told.sent_at - windows.off(), told.until() + windows.off(), 0)
            }
            Some(told) => (times.earliest().min(told.sent_at - windows.off()), times.latest(), 1),
            None => (times.earliest(), times.latest(), 1),
        }
    }
}

/// The attempt behind one that a worker got came to wait for a worker too early, or too late.
fn followed(windows: &Windows, run: &Settled, attempt: &Handed<'_>, next: &HandedOut) -> Vec<String> {
    let ((_, activity_id), number) = attempt.key;
    let what = || format!("{}: attempt {} of {activity_id}", run.workflow_id, number + 1);
    let pause = backoff(*number);
    let (earliest, latest, deadlines) = attempt.ended(windows);
    let mut broken = Vec::new();
    broken.extend(windows.not_before_its_time(what, earliest + pause, next.scheduled_at));
    // The pause is one more deadline.
    broken.extend(windows.not_after(what, latest + pause, next.scheduled_at, deadlines + 1));
    if attempt.got.attempt.is_silent() {
        let (started_at, limit) = (attempt.got.started_at, attempt.activity.shortest());
        // One that was over before the cell was gone waited for its next attempt alone.
        if !windows.may_be_over_before_a_restart(started_at, earliest) {
            broken.extend(windows.not_in_grace(what, started_at, span(limit), next.scheduled_at - pause));
        }
    }
    broken
}

/// Heartbeats that were refused while the attempt had time and its run was open.
fn refused(windows: &Windows, run: &Settled, attempt: &Handed<'_>) -> Option<String> {
    let said = attempt.said?;
    let first = said.beats.iter().find(|beat| beat.taken == Some(false))?;
    let over = Times::of(windows, attempt.activity, attempt.got.started_at, Some(said)).earliest();
    let latest = first.until() + windows.off();
    (latest < over.min(super::ended_at(run))).then(|| {
        let ((_, activity_id), number) = attempt.key;
        let early = (over - latest) as f64 / 1e9;
        let what = format!("a heartbeat of attempt {number} of {activity_id} was refused");
        format!("{}: {what} {early} s before its time was over", run.workflow_id)
    })
}
