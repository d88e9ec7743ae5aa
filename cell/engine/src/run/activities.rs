//! Pending activities and their index of deadlines.

use super::apply::Touched;
use super::{Run, deadlines};
use crate::effect::EffectKey;
use atoll_api::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::Activity;

impl Run {
    pub(super) fn on_activity_scheduled(
        &mut self,
        id: i64,
        scheduled: &ActivityTaskScheduledEventAttributes,
        at: i64,
        touched: &mut Touched,
    ) {
        self.activity_ids.insert(scheduled.activity_id.clone(), id);
        let activity = Activity {
            scheduled_event_id: id,
            scheduled: Some(scheduled.clone()),
            first_scheduled_at_ns: at,
            scheduled_at_ns: at,
            attempt: 1,
            ..Default::default()
        };
        self.activities.insert(id, activity);
        self.with_activity(id, touched, |_| ());
    }

    pub(super) fn remove_activity(&mut self, id: i64, touched: &mut Touched) {
        if let Some(activity) = self.activities.remove(&id) {
            deadlines::of_activity(&activity)
                .into_iter()
                .for_each(|(at, due)| self.deadlines.remove(at, due));
            // The id may have been taken by a later activity while this one's closing event waited.
            if let Some(scheduled) = &activity.scheduled
                && self.activity_ids.get(&scheduled.activity_id) == Some(&id)
            {
                self.activity_ids.remove(&scheduled.activity_id);
            }
            touched.effects.insert(EffectKey::Activity(id));
        }
    }

    /// Changes an activity and keeps the index of deadlines true.
    pub(super) fn with_activity(
        &mut self,
        id: i64,
        touched: &mut Touched,
        change: impl FnOnce(&mut Activity),
    ) {
        let activity = self.activities.get_mut(&id).expect("the activity is pending");
        deadlines::of_activity(activity).into_iter().for_each(|(at, due)| self.deadlines.remove(at, due));
        change(activity);
        deadlines::of_activity(activity).into_iter().for_each(|(at, due)| self.deadlines.add(at, due));
        touched.effects.insert(EffectKey::Activity(id));
    }

    pub(super) fn apply_activity_change(&mut self, kind: &Kind, touched: &mut Touched) {
        match kind {
            Kind::ActivityStarted(started) => {
                self.with_activity(started.scheduled_event_id, touched, |activity| {
                    activity.started_at_ns = started.started_at_ns;
                    activity.nonce = started.nonce;
                    activity.request_id.clone_from(&started.request_id);
                    activity.identity.clone_from(&started.identity);
                    activity.worker_version.clone_from(&started.worker_version);
                    activity.delivered_attempt = activity.attempt;
                });
            }
            Kind::ActivityStartRevoked(revoked) => {
                self.with_activity(revoked.scheduled_event_id, touched, waits_again);
            }
            Kind::ActivityHeartbeat(heartbeat) => {
                self.with_activity(heartbeat.scheduled_event_id, touched, |activity| {
                    activity.heartbeat_at_ns = heartbeat.at_ns;
                    activity.heartbeat_details.clone_from(&heartbeat.details);
                });
            }
            Kind::ActivityRetryScheduled(retry) => {
                self.with_activity(retry.scheduled_event_id, touched, |activity| {
                    waits_again(activity);
                    activity.attempt = retry.attempt;
                    activity.dispatch_at_ns = retry.dispatch_at_ns;
                    activity.last_attempt_ended_at_ns = retry.ended_at_ns;
                    activity.last_failure.clone_from(&retry.last_failure);
                    activity.last_worker_identity.clone_from(&retry.last_worker_identity);
                });
            }
            Kind::ActivityDispatched(dispatched) => {
                self.with_activity(dispatched.scheduled_event_id, touched, |activity| {
                    activity.dispatch_at_ns = 0;
                    activity.scheduled_at_ns = dispatched.scheduled_at_ns;
                });
            }
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
