//! A worker takes an activity task.

use super::find::found;
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use crate::run::Run;
use crate::time::Time;
use atoll_api::temporal::api::common::v1::{Payloads, Priority, WorkerVersionStamp};
use atoll_api::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::Activity;
use atoll_internal_api::usage::v1::ActionType;

/// Records that a worker got an attempt of an activity. A dispatch that became void is refused as obsolete.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RecordActivityStarted {
    /// Scheduled event id of the dispatch.
    pub scheduled_event_id: i64,
    /// Stamp of the dispatch.
    pub stamp: u32,
    /// Names the poll.
    pub request_id: String,
    /// The worker.
    pub identity: String,
    /// The worker's version.
    pub worker_version: Option<WorkerVersionStamp>,
}

/// What a worker is told of the attempt it took.
#[derive(Clone, PartialEq, Debug)]
pub struct StartedActivity {
    /// The scheduled event's attributes.
    pub scheduled: ActivityTaskScheduledEventAttributes,
    /// Attempt, from 1.
    pub attempt: i32,
    /// For the token.
    pub nonce: u64,
    /// When the first attempt was scheduled.
    pub first_scheduled_at: Time,
    /// When this attempt was scheduled.
    pub scheduled_at: Time,
    /// Now.
    pub started_at: Time,
    /// Of the last heartbeat, of whichever attempt.
    pub heartbeat_details: Option<Payloads>,
    /// Workflow type.
    pub workflow_type: String,
    /// Its own priority, completed by the workflow's.
    pub priority: Option<Priority>,
}

impl Command for RecordActivityStarted {
    type Family = Workflows;
    type Reply = StartedActivity;

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<StartedActivity> {
        let obsolete = || Rejection::TaskObsolete("activity task is not waiting any more".into());
        let run = found!(view.run.filter(|run| !run.closed()).ok_or_else(obsolete));
        let activity = found!(run.pending.activities.get(&self.scheduled_event_id).ok_or_else(obsolete));
        let same = activity.stamp == self.stamp && !activity.closing;
        if same
            && activity.started_at_ns != 0
            && !self.request_id.is_empty()
            && activity.request_id == self.request_id
        {
            // The same poll again: its answer may have been lost.
            return Decision::unchanged(answer(run, activity, activity.nonce, Time(activity.started_at_ns)));
        }
        let waits = activity.started_at_ns == 0 && activity.dispatch_at_ns == 0 && same;
        if !waits {
            return Decision::reject(obsolete());
        }
        let reply = answer(run, activity, context.ids.next_u64(), context.now);
        let mut draft = Draft::new(run, context);
        draft.change(Kind::ActivityStarted(log::ActivityStarted {
            scheduled_event_id: self.scheduled_event_id,
            started_at_ns: context.now.0,
            nonce: reply.nonce,
            request_id: self.request_id,
            identity: self.identity,
            worker_version: self.worker_version,
        }));
        // An attempt that was given back and is delivered again is one retry.
        if activity.attempt > 1 && activity.delivered_attempt != activity.attempt {
            draft.unrecorded(ActionType::RetryActivity, 1);
        }
        draft.accept(reply)
    }
}

fn answer(run: &Run, activity: &Activity, nonce: u64, started_at: Time) -> StartedActivity {
    StartedActivity {
        scheduled: activity.scheduled.clone().unwrap_or_default(),
        attempt: activity.attempt,
        nonce,
        first_scheduled_at: Time(activity.first_scheduled_at_ns),
        scheduled_at: Time(activity.scheduled_at_ns),
        started_at,
        heartbeat_details: activity.heartbeat_details.clone(),
        workflow_type: run.workflow_type().to_owned(),
        priority: run.inherited(activity.scheduled.as_ref().and_then(|s| s.priority.as_ref())),
    }
}
