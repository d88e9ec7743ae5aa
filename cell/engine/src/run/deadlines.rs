//! What is due when: one ordered index over everything in a run that waits for a moment.

mod postponed;

use super::apply::Touched;
use super::collection::Beside;
use super::collections::PendingKind;
use super::pending::visit;
use crate::notice::Grace;
use crate::time::Time;
use postponed::Postponed;
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

/// The index. What waits for workers in a grace is known once it was judged by it; each deadline is judged once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    /// What fires at its moment, and what was not judged yet.
    free: BTreeSet<(Time, Due)>,
    /// None before something had to be judged.
    held: Option<Box<Postponed>>,
}

impl Deadlines {
    pub(crate) fn add(&mut self, at: i64, due: Due) {
        if at > 0 && at < i64::MAX {
            if let Some(held) = &mut self.held {
                held.remove(Time(at), due);
                held.added(Time(at), due);
            }
            self.free.insert((Time(at), due));
        }
    }

    pub(crate) fn remove(&mut self, at: i64, due: Due) {
        self.free.remove(&(Time(at), due));
        if let Some(held) = &mut self.held {
            held.remove(Time(at), due);
        }
    }

    /// This index and what a step touches, for those whose moments change.
    pub(super) fn beside<'a>(&'a mut self, touched: &'a mut Touched) -> Beside<'a> {
        Beside { deadlines: self, touched }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The first moment.
    pub(crate) fn first(&self) -> Option<Time> {
        let free = self.free.first().map(|(at, _)| *at);
        free.into_iter().chain(self.held.as_ref().and_then(|held| held.first())).min()
    }

    /// Judges by this grace what was not judged by it yet: `fires_at` says when a deadline of this moment fires.
    pub(super) fn judge(&mut self, grace: Grace, fires_at: impl Fn(Time, Due) -> Time) {
        let ends = grace.ends(i64::MAX);
        let known = self.held.as_ref().is_some_and(|held| held.grace() == grace);
        if !known {
            if let Some(held) = self.held.take() {
                self.free.extend(held.all());
            }
            let early: Vec<(Time, Due)> = self.free.range(..(ends, Due::ExecutionTimeout)).copied().collect();
            if early.is_empty() {
                return;
            }
            self.held = Some(Box::new(Postponed::new(grace, early)));
        }
        let Some(held) = &mut self.held else { return };
        for (at, due) in held.take_unjudged() {
            visit();
            let fires = fires_at(at, due);
            if fires > at && self.free.remove(&(at, due)) {
                held.hold(at, due, fires);
            }
        }
    }

    /// When the first of them fires, by the grace that they were judged by last.
    pub(super) fn first_to_fire(&self) -> Option<Time> {
        let free = self.free.first().map(|(at, _)| *at);
        free.into_iter().chain(self.held.as_ref().and_then(|held| held.first_to_fire())).min()
    }

    /// Everything that has fired by now, in the order in which it does. What was judged by this grace is not judged
    /// again.
    pub(super) fn fired<'a>(
        &'a self,
        now: Time,
        grace: Grace,
        fires_at: impl Fn(Time, Due) -> Time + 'a,
    ) -> Box<dyn Iterator<Item = Due> + 'a> {
        let free = self.free.iter().copied().inspect(|_| visit()).take_while(move |(at, _)| *at <= now);
        match &self.held {
            None if grace.ends(i64::MAX) <= self.first().unwrap_or(Time(i64::MAX)) => {
                Box::new(free.map(|(_, due)| due))
            }
            Some(held) if held.has_judged_all_by(grace) => {
                let (mut free, mut held) = (free.peekable(), held.fired(now).peekable());
                Box::new(std::iter::from_fn(move || {
                    let next = match (free.peek(), held.peek()) {
                        (Some(free_first), Some(held_first)) if held_first < free_first => held.next(),
                        (None, _) => held.next(),
                        (Some(_), _) => free.next(),
                    };
                    next.map(|(_, due)| due)
                }))
            }
            _ => {
                let held = self.held.iter().flat_map(|held| held.all());
                let all = self.free.iter().copied().chain(held).inspect(|_| visit());
                let mut fired: Vec<(Time, Due)> = all
                    .map(|(at, due)| (fires_at(at, due), due))
                    .filter(|(fires, _)| *fires <= now)
                    .collect();
                fired.sort_unstable();
                Box::new(fired.into_iter().map(|(_, due)| due))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Something that happens to an index.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Add(i64, Due),
        Remove(i64, Due),
        /// Another grace begins, at this moment.
        Grace(i64),
        Judge,
    }

    fn any_due() -> impl Strategy<Value = Due> {
        prop_oneof![
            (0..6i64).prop_map(Due::Timer),
            (0..6i64).prop_map(Due::ActivityStartToClose),
            Just(Due::TaskStartToClose)
        ]
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (1..60i64, any_due()).prop_map(|(at, due)| Step::Add(at, due)),
            4 => (1..60i64, any_due()).prop_map(|(at, due)| Step::Remove(at, due)),
            1 => (0..60i64).prop_map(Step::Grace),
            4 => Just(Step::Judge),
        ]
    }

    fn fires_at(at: Time, due: Due, grace: Grace) -> Time {
        match due {
            Due::ActivityStartToClose(id) => at.max(grace.ends(5 * id)),
            Due::TaskStartToClose => at.max(grace.ends(40)),
            _ => at,
        }
    }

    #[test]
    fn what_has_no_moment_or_none_that_comes_is_not_due() {
        let mut index = Deadlines::default();
        for never in [i64::MIN, 0, i64::MAX] {
            index.add(never, Due::FirstTask);
            assert_eq!(index.first(), None);
        }
        for at in [i64::MAX - 1, 1] {
            index.add(at, Due::FirstTask);
            assert_eq!(index.first(), Some(Time(at)));
        }
    }

    proptest! {
        #![proptest_config(atoll_seed::cases(512))]

        #[test]
        fn what_fires_when_is_what_a_look_at_all_of_them_finds(steps in prop::collection::vec(any_step(), 1..60)) {
            let (mut index, mut all) = (Deadlines::default(), BTreeSet::new());
            let mut grace = Grace::NONE;
            for step in steps {
                match step {
                    Step::Add(at, due) => {
                        index.add(at, due);
                        all.insert((Time(at), due));
                    }
                    Step::Remove(at, due) => {
                        index.remove(at, due);
                        all.remove(&(Time(at), due));
                    }
                    Step::Grace(since) => grace = Grace { since: Time(since), at_most_ns: 18 },
                    Step::Judge => {
                        index.judge(grace, |at, due| fires_at(at, due, grace));
                        let first = all.iter().map(|(at, due)| fires_at(*at, *due, grace)).min();
                        prop_assert_eq!(index.first_to_fire(), first);
                    }
                }
                prop_assert_eq!(index.first(), all.first().map(|(at, _)| *at));
                let held = index.held.iter().flat_map(|held| held.all());
                let known: BTreeSet<(Time, Due)> = index.free.iter().copied().chain(held).collect();
                prop_assert_eq!(&known, &all);
                for now in [0, 20, 40, 80].map(Time) {
                    let fired: Vec<Due> = index.fired(now, grace, |at, due| fires_at(at, due, grace)).collect();
                    let mut expected: Vec<(Time, Due)> =
                        all.iter().map(|(at, due)| (fires_at(*at, *due, grace), *due)).collect();
                    expected.retain(|(fires, _)| *fires <= now);
                    expected.sort_unstable();
                    prop_assert_eq!(fired, expected.into_iter().map(|(_, due)| due).collect::<Vec<_>>());
                }
            }
        }
    }
}
