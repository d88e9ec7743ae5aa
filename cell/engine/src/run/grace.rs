//! Which deadlines wait for workers after a takeover, and until when.

use super::Run;
use super::deadlines::Due;
use crate::notice::Grace;
use crate::time::Time;
use atoll_api::temporal::api::history::v1::ActivityTaskScheduledEventAttributes as Scheduled;
use atoll_internal_api::duration::nanos;

impl Run {
    /// As [`wake`](Self::wake), where deadlines wait for workers.
    pub fn wake_in(&self, grace: Grace) -> Option<Time> {
        let mut first: Option<Time> = None;
        for (at, due) in self.deadlines.all() {
            if first.is_some_and(|first| first <= at) {
                break;
            }
            let fires = self.fires_at(at, due, grace);
            first = Some(first.map_or(fires, |first| first.min(fires)));
        }
        first
    }

    /// Everything that may fire by now, in order of its moment.
    pub(crate) fn due(&self, now: Time, grace: Grace) -> impl Iterator<Item = Due> + '_ {
        let due = self.deadlines.all().take_while(move |(at, _)| *at <= now);
        due.filter(move |(at, due)| self.fires_at(*at, *due, grace) <= now).map(|(_, due)| due)
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
