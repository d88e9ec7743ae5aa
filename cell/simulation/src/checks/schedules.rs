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
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use jiff::Timestamp;

/// Times of a schedule that are looked at at most: far more than there are in the longest simulation.
const TIMES: i64 = 5_000;
const SECOND: i128 = 1_000_000_000;

/// A time of a schedule (nanoseconds of the Unix epoch) and the run that was started for it.
struct Start {
    due: i128,
    started_at: i128,
    ended_at: i128,
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
    let interval = schedule.interval.as_secs() as i64;
    let first = info.create_time.map_or(0, |made| made.seconds) / interval + 1;
    let base = &site.plan.workflows[schedule.workflow].id;
    let (mut settled, mut starts, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for number in first..first + TIMES {
        if starts.len() == schedule.starts {
            break;
        }
        let due = Timestamp::from_second(number * interval).expect("a time");
        let workflow_id = format!("{base}-{due}");
        if !exists(caller, &workflow_id).await {
            skipped.push(due.as_nanosecond());
            continue;
        }
        match chains::read(caller, schedule.workflow, &workflow_id).await {
            Ok(chain) => {
                let time = |run: Option<&Settled>, last: bool| {
                    let events = run.map(|run| run.events.as_slice()).unwrap_or_default();
                    let event = if last { events.last() } else { events.first() };
                    nanos(event.and_then(|event| event.event_time.as_ref()))
                };
                starts.push(Start {
                    due: due.as_nanosecond(),
                    started_at: time(chain.first(), false),
                    ended_at: time(chain.last(), true),
                });
                settled.extend(chain);
            }
            Err(why) => broke(format!("{workflow_id}: {why}")),
        }
    }
    let windows = Windows::of(site);
    // Times that passed before the last start could be made are looked at together with it, and skipped.
    let behind = starts.last().map_or(0, |last| {
        (last.started_at + windows.skew() - last.due) / schedule.interval.as_nanos() as i128
    });
    let skips = skipped.len() as i64..=skipped.len() as i64 + behind as i64;
    let counted = (info.action_count, info.missed_catchup_window, info.buffer_dropped);
    if counted != (schedule.starts as i64, 0, 0) || !skips.contains(&info.overlap_skipped) {
        let (found, skipped) = (starts.len(), info.overlap_skipped);
        broke(format!(
            "counts {counted:?} starts, misses, drops, and {skipped} skips; {found}, and {skips:?} were found"
        ));
    }
    let broken = broken(&windows, schedule, &starts, &skipped);
    broken.into_iter().for_each(broke);
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

fn broken(windows: &Windows, schedule: &SchedulePlan, starts: &[Start], skipped: &[i128]) -> Vec<String> {
    let mut broken = Vec::new();
    let alone = schedule.overlap != Overlap::AllowAll;
    let mut free_at = 0;
    for start in starts {
        let said = || format!("the start for {}", start.due / SECOND);
        broken.extend(windows.not_before(said, start.due, start.started_at));
        // What is buffered waits for the last one to end, and for the schedule to be told so.
        let (ready, deadlines) = match schedule.overlap {
            Overlap::BufferAll => (start.due.max(free_at), 3),
            _ => (start.due, 2),
        };
        broken.extend(windows.not_after(said, ready + windows.skew(), start.started_at, deadlines));
        free_at = free_at.max(start.ended_at);
    }
    if alone {
        let overlapping =
            starts.windows(2).filter(|pair| pair[1].started_at + windows.skew() < pair[0].ended_at);
        broken.extend(overlapping.map(|pair| format!("two ran at {}", pair[1].started_at / SECOND)));
    }
    for due in skipped {
        // A schedule takes a run for running until it is told of the run's end.
        let ran = |start: &Start| start.due < *due && windows.latest(start.ended_at, 1) >= *due;
        if schedule.overlap != Overlap::Skip || !starts.iter().any(ran) {
            broken.push(format!("nothing was started for {}", due / SECOND));
        }
    }
    broken
}
