//! What is due when: one ordered index over everything in a run that waits for a moment.

use super::apply::Touched;
use super::collection::Beside;
use super::collections::PendingKind;
use super::pending::visit;
use crate::time::Time;
use std::collections::BTreeSet;

/// Something that happens at a moment unless it is called off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Due {
    /// The whole chain's time is over.
    ExecutionTimeout,
    /// This run's time is over.
    RunTimeout,
    /// The first workflow task may be scheduled.
    FirstTask,
    /// User timer, by started event id.
    Timer(i64),
    /// Activity: nobody started this attempt in time. Before schedule-to-close: where both are due at once, what is to
    /// be told is that nobody took it.
    ActivityScheduleToStart(i64),
    /// Activity: its schedule-to-close time is over.
    ActivityScheduleToClose(i64),
    /// Activity: this attempt ran too long.
    ActivityStartToClose(i64),
    /// Activity: no heartbeat came in time.
    ActivityHeartbeat(i64),
    /// Activity: the next attempt may be dispatched.
    ActivityRetry(i64),
    /// Workflow task: the sticky worker did not take it in time.
    TaskScheduleToStart,
    /// Workflow task: the worker did not answer in time.
    TaskStartToClose,
    /// Something pending, by the event that began it: its message may be tried again.
    Retry(PendingKind, i64),
    /// A listener may be told again, by its number.
    ListenerRetry(u32),
}

/// The index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deadlines(BTreeSet<(Time, Due)>);

impl Deadlines {
    pub(crate) fn add(&mut self, at: i64, due: Due) {
        if at > 0 && at < i64::MAX {
            self.0.insert((Time(at), due));
        }
    }

    pub(crate) fn remove(&mut self, at: i64, due: Due) {
        self.0.remove(&(Time(at), due));
    }

    /// This index and what a step touches, for those whose moments change.
    pub(super) fn beside<'a>(&'a mut self, touched: &'a mut Touched) -> Beside<'a> {
        Beside { deadlines: self, touched }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn first(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Everything, in order of its moment.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Time, Due)> + '_ {
        self.0.iter().copied().inspect(|_| visit())
    }
}
