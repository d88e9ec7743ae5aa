//! Pending activities.

use super::PendingKind;
use crate::describe::Description;
use crate::effect::{EffectKind, TaskDispatch};
use crate::run::apply::Touched;
use crate::run::collection::{Item, Touch, Wants};
use crate::run::deadlines::Due;
use crate::run::effects::priority;
use crate::run::{Run, nanos};
use crate::time::Time;
use atoll_api::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::{Activity, RunSnapshot};

impl Item for Activity {
    const KIND: PendingKind = PendingKind::Activity;
    const WANTS: Wants = Wants::Tasks;
    type Begun = ActivityTaskScheduledEventAttributes;

    fn touch(event: &Attributes) -> Option<Touch> {
        use Attributes as A;
        Some(match event {
            A::ActivityTaskScheduledEventAttributes(_) => Touch::Begins,
            A::ActivityTaskCancelRequestedEventAttributes(a) => Touch::Changes(a.scheduled_event_id),
            A::ActivityTaskCompletedEventAttributes(a) => Touch::Ends(a.scheduled_event_id),
            A::ActivityTaskFailedEventAttributes(a) => Touch::Ends(a.scheduled_event_id),
            A::ActivityTaskTimedOutEventAttributes(a) => Touch::Ends(a.scheduled_event_id),
            A::ActivityTaskCanceledEventAttributes(a) => Touch::Ends(a.scheduled_event_id),
            _ => return None,
        })
    }

    fn begin(event_id: i64, event: &Attributes, at_ns: i64) -> Self {
        let Attributes::ActivityTaskScheduledEventAttributes(scheduled) = event else {
            unreachable!("it begins an activity")
        };
        Self {
            scheduled_event_id: event_id,
            scheduled: Some(scheduled.clone()),
            first_scheduled_at_ns: at_ns,
            scheduled_at_ns: at_ns,
            attempt: 1,
            ..Default::default()
        }
    }

    /// It is asked to cancel; only the first request counts.
    fn change(&mut self, event_id: i64, _: &Attributes) {
        if self.cancel_requested_event_id == 0 {
            self.cancel_requested_event_id = event_id;
        }
    }

    fn wait(&mut self, _: &Attributes) {
        self.closing = true;
    }

    fn has_ended(&self) -> bool {
        self.closing
    }

    fn keep_events(&mut self) {
        *self = Self {
            scheduled_event_id: self.scheduled_event_id,
            scheduled: self.scheduled.take(),
            first_scheduled_at_ns: self.first_scheduled_at_ns,
            cancel_requested_event_id: self.cancel_requested_event_id,
            ..Default::default()
        };
    }

    fn id(&self) -> i64 {
        self.scheduled_event_id
    }

    fn name(&self) -> &str {
        self.scheduled.as_ref().map_or("", |scheduled| &scheduled.activity_id)
    }

    fn effect(&self, run: &Run) -> Option<EffectKind> {
        if self.started_at_ns != 0 || self.dispatch_at_ns != 0 || self.closing || run.closed() {
            return None;
        }
        let scheduled = self.scheduled.as_ref()?;
        Some(EffectKind::DispatchActivity(TaskDispatch {
            scheduled_event_id: self.scheduled_event_id,
            stamp: self.stamp,
            task_queue: scheduled.task_queue.as_ref().map_or("", |queue| queue.name.as_str()).into(),
            sticky_normal_queue: None,
            scheduled_at: Time(self.scheduled_at_ns),
            priority: priority(run.inherited(scheduled.priority.as_ref()).as_ref()),
        }))
    }

    fn deadlines(&self) -> impl IntoIterator<Item = (i64, Due)> {
        moments(self)
    }

    fn describe(&self, run: &Run, description: &mut Description) {
        if !self.closing {
            description.activities.push(run.pending_activity(self));
        }
    }

    fn place(snapshot: &mut RunSnapshot) -> &mut Vec<Self> {
        &mut snapshot.activities
    }

    fn begun(&self) -> Option<&Self::Begun> {
        self.scheduled.as_ref()
    }

    fn set_begun(&mut self, begun: Option<Self::Begun>) {
        self.scheduled = begun;
    }

    fn bare(id: i64) -> Self {
        Self { scheduled_event_id: id, ..Default::default() }
    }
}

/// The moments of an activity, as (moment, what). Moments that do not apply are 0.
fn moments(activity: &Activity) -> [(i64, Due); 5] {
    let id = activity.scheduled_event_id;
    if activity.closing {
        return [(0, Due::ActivityRetry(id)); 5];
    }
    let none = Default::default();
    let scheduled = activity.scheduled.as_ref().unwrap_or(&none);
    let after = |from: i64, timeout: i64| if timeout > 0 { from.saturating_add(timeout) } else { 0 };
    let started = activity.started_at_ns;
    let waiting = started == 0 && activity.dispatch_at_ns == 0;
    let when = |applies: bool, at: i64| if applies { at } else { 0 };
    let heartbeat_from = started.max(activity.heartbeat_at_ns);
    [
        (
            after(activity.first_scheduled_at_ns, nanos(scheduled.schedule_to_close_timeout.as_ref())),
            Due::ActivityScheduleToClose(id),
        ),
        (
            when(
                waiting,
                after(activity.scheduled_at_ns, nanos(scheduled.schedule_to_start_timeout.as_ref())),
            ),
            Due::ActivityScheduleToStart(id),
        ),
        (
            when(started != 0, after(started, nanos(scheduled.start_to_close_timeout.as_ref()))),
            Due::ActivityStartToClose(id),
        ),
        (
            when(started != 0, after(heartbeat_from, nanos(scheduled.heartbeat_timeout.as_ref()))),
            Due::ActivityHeartbeat(id),
        ),
        (when(started == 0, activity.dispatch_at_ns), Due::ActivityRetry(id)),
    ]
}

impl Run {
    pub(in crate::run) fn apply_activity_change(&mut self, kind: &Kind, touched: &mut Touched) {
        let mut change = |id, change: &dyn Fn(&mut Activity)| self.change(id, touched, change);
        match kind {
            Kind::ActivityStarted(started) => change(started.scheduled_event_id, &|activity| {
                activity.started_at_ns = started.started_at_ns;
                activity.nonce = started.nonce;
                activity.request_id.clone_from(&started.request_id);
                activity.identity.clone_from(&started.identity);
                activity.worker_version.clone_from(&started.worker_version);
                activity.delivered_attempt = activity.attempt;
            }),
            Kind::ActivityStartRevoked(revoked) => change(revoked.scheduled_event_id, &waits_again),
            Kind::ActivityHeartbeat(heartbeat) => change(heartbeat.scheduled_event_id, &|activity| {
                activity.heartbeat_at_ns = heartbeat.at_ns;
                activity.heartbeat_details.clone_from(&heartbeat.details);
            }),
            Kind::ActivityRetryScheduled(retry) => change(retry.scheduled_event_id, &|activity| {
                waits_again(activity);
                activity.attempt = retry.attempt;
                activity.dispatch_at_ns = retry.dispatch_at_ns;
                activity.last_attempt_ended_at_ns = retry.ended_at_ns;
                activity.last_failure.clone_from(&retry.last_failure);
                activity.last_worker_identity.clone_from(&retry.last_worker_identity);
            }),
            Kind::ActivityDispatched(dispatched) => change(dispatched.scheduled_event_id, &|activity| {
                activity.dispatch_at_ns = 0;
                activity.scheduled_at_ns = dispatched.scheduled_at_ns;
            }),
            _ => unreachable!("not a change of an activity"),
        }
    }
}

/// Nobody works on it: an earlier dispatch and an earlier token are void.
fn waits_again(activity: &mut Activity) {
    activity.stamp += 1;
    (activity.started_at_ns, activity.nonce) = (0, 0);
    activity.request_id.clear();
    activity.identity.clear();
    activity.worker_version = None;
}
