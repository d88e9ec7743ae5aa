//! A schedule starts what its spec says, at its times, by arithmetic of its own: whole multiples of the interval
//! since 1970.

use super::timing::Windows;
use super::{Settled, chains};
use crate::calls::{Caller, NAMESPACE, execution};
use crate::clients::describe_schedule;
use crate::ledger::nanos;
use crate::plan::SchedulePlan;
use crate::simulation::Site;
use atoll_api::call::Code;
use atoll_api::temporal::api::enums::v1::{EventType, ScheduleOverlapPolicy as Overlap};
use atoll_api::temporal::api::schedule::v1::ScheduleInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use jiff::Timestamp;

/// Times of a schedule that are looked at at most: far more than there are in the longest simulation.
const TIMES: usize = 5_000;
const SECOND: i128 = 1_000_000_000;

/// A time of a schedule and the run that was started for it. Moments are nanoseconds of the Unix epoch.
struct Start {
    due: i128,
    started_at: i128,
    ended_at: i128,
    /// When the run was asked to cancel.
    asked_at: Option<i128>,
    is_terminated: bool,
}

impl Start {
    fn of(due: i128, chain: &[Settled]) -> Self {
        let events = || chain.iter().flat_map(|run| &run.events);
        let at = |of: EventType| {
            let event = events().find(|event| event.event_type() == of);
            event.map(|event| nanos(event.event_time.as_ref()))
        };
        Self {
            due,
            started_at: at(EventType::WorkflowExecutionStarted).unwrap_or(0),
            ended_at: chain.last().map_or(0, super::ended_at),
            asked_at: at(EventType::WorkflowExecutionCancelRequested),
            is_terminated: at(EventType::WorkflowExecutionTerminated).is_some(),
        }
    }
}

/// The runs that a schedule started. What does not fit the schedule is broken.
pub(super) async fn read(site: &Site, caller: &Caller, schedule: &SchedulePlan) -> Vec<Settled> {
    let broke = |what: String| caller.ledger.lock().broke(format!("{}: {what}", schedule.id));
    let info = match describe_schedule(caller, schedule).await {
        Ok(info) => info,
        Err(status) => {
            broke(format!("{status:?}"));
            return Vec::new();
        }
    };
    let made = info.create_time.as_ref().map_or(0, |made| made.seconds);
    let base = &site.plan.workflows[schedule.workflow].id;
    let (mut settled, mut starts, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for due in schedule.times(made).take(TIMES) {
        if starts.len() == schedule.starts {
            break;
        }
        let due = Timestamp::from_second(due).expect("a time");
        let workflow_id = format!("{base}-{due}");
        if !exists(caller, &workflow_id).await {
            left_out.push(due.as_nanosecond());
            continue;
        }
        match chains::read(caller, schedule.workflow, &workflow_id).await {
            Ok(chain) => {
                starts.push(Start::of(due.as_nanosecond(), &chain));
                settled.extend(chain);
            }
            Err(why) => broke(format!("{workflow_id}: {why}")),
        }
    }
    let windows = Windows::of(site);
    let judged = Judged { windows: &windows, schedule, starts: &starts, left_out: &left_out };
    judged.broken(&info).into_iter().for_each(broke);
    let mut ledger = caller.ledger.lock();
    judged.happened().into_iter().for_each(|what| ledger.count(what));
    settled
}

async fn exists(caller: &Caller, workflow_id: &str) -> bool {
    let request = wf::DescribeWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(workflow_id, ""),
    };
    let answer = caller.insist(rpc::DESCRIBE_WORKFLOW_EXECUTION, &request).await;
    !answer.is_err_and(|status| status.code == Code::NotFound)
}

/// What a schedule came to: starts, and times before the last of them for which nothing was started.
struct Judged<'s> {
    windows: &'s Windows,
    schedule: &'s SchedulePlan,
    starts: &'s [Start],
    left_out: &'s [i128],
}

impl Judged<'_> {
    fn broken(&self, info: &ScheduleInfo) -> Vec<String> {
        let mut broken: Vec<String> = self.miscounted(info).into_iter().collect();
        broken.extend(self.late());
        broken.extend(self.beside_each_other());
        let unfounded = self.left_out.iter().filter(|due| !self.may_be_left_out(**due));
        broken.extend(unfounded.map(|due| format!("nothing was started for {}", due / SECOND)));
        broken
            .extend(self.starts.iter().enumerate().filter_map(|(place, start)| self.made_room(place, start)));
        broken
    }

    /// The schedule's counts are not those of what is there.
    fn miscounted(&self, info: &ScheduleInfo) -> Option<String> {
        // Times that passed before the last start could be made are looked at together with it, and skipped.
        let behind = self.starts.last().map_or(0, |last| {
            let waited = last.started_at + self.windows.skew() - last.due;
            waited / self.schedule.interval.as_nanos() as i128
        });
        let least = self.left_out.len() as i64;
        let skips = match self.schedule.overlap {
            Overlap::Skip | Overlap::BufferOne => least..=least + behind as i64,
            // What gives way to a later start is counted nowhere.
            _ => 0..=0,
        };
        let counted = (info.action_count, info.missed_catchup_window, info.buffer_dropped);
        let fits = counted == (self.schedule.starts as i64, 0, 0) && skips.contains(&info.overlap_skipped);
        (!fits).then(|| {
            let (found, skipped) = (self.starts.len(), info.overlap_skipped);
            let found = format!("{found}, and {skips:?} were found");
            format!("counts {counted:?} starts, misses, drops, and {skipped} skips; {found}")
        })
    }

    fn jitter(&self) -> i128 {
        self.schedule.jitter.as_nanos() as i128
    }

    /// Starts that came before their time, or long after.
    fn late(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut free_at = 0;
        for start in self.starts {
            let said = || format!("the start for {}", start.due / SECOND);
            broken.extend(self.windows.not_before(said, start.due, start.started_at));
            let due = start.due + self.jitter();
            // What waits for the last one waits for its end, and for the schedule to be told so.
            let (ready, deadlines) = match self.schedule.overlap {
                Overlap::Skip | Overlap::AllowAll => (due, 2),
                _ => (due.max(free_at), 3),
            };
            let latest = ready + self.windows.skew();
            broken.extend(self.windows.not_after(said, latest, start.started_at, deadlines));
            free_at = free_at.max(start.ended_at);
        }
        broken
    }

    fn beside_each_other(&self) -> Vec<String> {
        if self.schedule.overlap == Overlap::AllowAll {
            return Vec::new();
        }
        let skew = self.windows.skew();
        let overlapping = self.starts.windows(2).filter(|pair| pair[1].started_at + skew < pair[0].ended_at);
        overlapping.map(|pair| format!("two ran at {}", pair[1].started_at / SECOND)).collect()
    }

    /// Whether the policy may leave out this time.
    fn may_be_left_out(&self, due: i128) -> bool {
        // A schedule takes a run for running until it is told of the run's end, and a start for waiting until it is
        // made.
        let runs_at = |start: &Start, at| start.due < at && self.windows.latest(start.ended_at, 1) >= at;
        let waits_at = |start: &Start, at| start.due < at && self.windows.latest(start.started_at, 1) >= at;
        match self.schedule.overlap {
            Overlap::Skip => self.starts.iter().any(|start| runs_at(start, due)),
            Overlap::BufferOne => self.starts.iter().any(|waiting| {
                waits_at(waiting, due) && self.starts.iter().any(|start| runs_at(start, waiting.due))
            }),
            Overlap::CancelOther | Overlap::TerminateOther => {
                let before = self.starts.iter().filter(|start| start.due < due);
                let free_at = before.map(|start| start.ended_at).max().unwrap_or(0);
                let ready = free_at.max(due + self.jitter()) + self.windows.skew();
                self.windows.latest(ready, 3) >= self.following(due)
            }
            _ => false,
        }
    }

    /// The first time behind this moment.
    fn following(&self, moment: i128) -> i128 {
        let after = (moment / SECOND) as i64;
        self.schedule.times(after).next().map_or(i128::MAX, |due| i128::from(due) * SECOND)
    }

    /// A run that was made to end for no later start, or was not though one waited for it.
    fn made_room(&self, place: usize, start: &Start) -> Option<String> {
        let asked = match self.schedule.overlap {
            Overlap::CancelOther => start.asked_at,
            Overlap::TerminateOther => start.is_terminated.then_some(start.ended_at),
            _ => None,
        };
        let said = || format!("that the start for {} makes room", start.due / SECOND);
        let is_last = place + 1 == self.starts.len();
        if is_last || !self.schedule.makes_room() {
            return asked.map(|_| format!("{} came for no other", said()));
        }
        let skew = self.windows.skew();
        let early = asked.and_then(|at| self.windows.not_before(said, self.following(start.due), at));
        early.or_else(|| {
            let due = self.following(start.started_at + skew) + self.jitter();
            self.windows.not_after(said, due + skew, asked.unwrap_or(start.ended_at), 3)
        })
    }

    /// What happened that has to happen in some simulation.
    fn happened(&self) -> Vec<&'static str> {
        let overlap = self.schedule.overlap;
        let waited = self.starts.windows(2).any(|pair| pair[0].ended_at > pair[1].due);
        let happened = [
            (!self.left_out.is_empty() && overlap == Overlap::Skip, "schedule skipped"),
            (!self.left_out.is_empty() && overlap == Overlap::BufferOne, "schedule buffered one and skipped"),
            (waited && overlap == Overlap::BufferOne, "schedule buffered one"),
            (waited && overlap == Overlap::BufferAll, "schedule buffered"),
            (waited && overlap == Overlap::AllowAll, "schedule overlapped"),
            (self.starts.iter().any(|start| start.asked_at.is_some()), "schedule canceled another"),
            (self.starts.iter().any(|start| start.is_terminated), "schedule terminated another"),
        ];
        happened.into_iter().filter(|(happened, _)| *happened).map(|(_, what)| what).collect()
    }
}
