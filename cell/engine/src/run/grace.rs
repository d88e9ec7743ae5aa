//! Which deadlines wait for workers after a takeover, and until when.

use super::Run;
use super::deadlines::Due;
use crate::notice::Grace;
use crate::time::Time;
use atoll_api::temporal::api::history::v1::ActivityTaskScheduledEventAttributes as Scheduled;
use atoll_internal_api::duration::nanos;

impl Run {
    /// As [`wake`](Self::wake), where deadlines wait for workers. A run is asked by the same grace again and again:
    /// then it looks only at what came since.
    pub fn wake_in(&mut self, grace: Grace) -> Option<Time> {
        let mut deadlines = std::mem::take(&mut self.deadlines);
        deadlines.judge(grace, |at, due| self.fires_at(at, due, grace));
        self.deadlines = deadlines;
        self.deadlines.first_to_fire()
    }

    /// Everything that has fired by now, in order.
    pub(crate) fn due(&self, now: Time, grace: Grace) -> impl Iterator<Item = Due> + '_ {
        self.deadlines.fired(now, grace, move |at, due| self.fires_at(at, due, grace))
    }

    fn fires_at(&self, at: Time, due: Due, grace: Grace) -> Time {
        self.worker_timeout(due).map_or(at, |timeout| at.max(grace.ends(timeout)))
    }

    /// How long a worker has for this (nanoseconds), if only a worker's call can meet it.
    ///
    /// That nobody took an activity in time is one of them: no poll could have while the shard was nobody's, and the
    /// failure would be final. That an activity's whole time is over is none: it bounds everything, outages included.
    fn worker_timeout(&self, due: Due) -> Option<i64> {
        let of_activity = |id, timeout: fn(&Scheduled) -> Option<&prost_types::Duration>| {
            let scheduled = self.pending.activities.get(&id)?.scheduled.as_ref()?;
            Some(nanos(timeout(scheduled)))
        };
        match due {
            Due::ActivityScheduleToStart(id) => of_activity(id, |of| of.schedule_to_start_timeout.as_ref()),
            Due::ActivityStartToClose(id) => of_activity(id, |of| of.start_to_close_timeout.as_ref()),
            Due::ActivityHeartbeat(id) => of_activity(id, |of| of.heartbeat_timeout.as_ref()),
            Due::TaskScheduleToStart => self.task.waiting().map(|task| task.sticky_timeout_ns),
            Due::TaskStartToClose => self.task.started().map(|task| task.scheduled.start_to_close_timeout_ns),
            Due::ExecutionTimeout
            | Due::RunTimeout
            | Due::FirstTask
            | Due::Timer(_)
            | Due::ActivityScheduleToClose(_)
            | Due::ActivityRetry(_)
            | Due::Retry(..)
            | Due::ListenerRetry(_) => None,
        }
    }
}
