//! Deadlines that fire later than at their moment, for they wait for workers in a grace.
//!
//! Only what was pending before a grace began can wait in it, so that this empties: a step costs no more in a grace
//! than ever.

use super::Due;
use crate::notice::Grace;
use crate::run::pending::visit;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What waits in one grace.
#[derive(Clone, Debug)]
pub(super) struct Postponed {
    grace: Grace,
    /// When each of them fires, by its moment.
    fires: BTreeMap<(Time, Due), Time>,
    /// The same in the order in which they fire.
    order: BTreeSet<(Time, Due, Time)>,
    /// What may have to wait; none of it need be there any more.
    unjudged: Vec<(Time, Due)>,
}

impl Postponed {
    /// Where nothing was judged by this grace yet.
    pub(super) fn new(grace: Grace, unjudged: Vec<(Time, Due)>) -> Self {
        Self { grace, fires: BTreeMap::new(), order: BTreeSet::new(), unjudged }
    }

    pub(super) fn grace(&self) -> Grace {
        self.grace
    }

    /// A deadline came. Nothing of a moment behind the grace waits.
    pub(super) fn added(&mut self, at: Time, due: Due) {
        if at < self.grace.ends(i64::MAX) {
            self.unjudged.push((at, due));
        }
    }

    pub(super) fn remove(&mut self, at: Time, due: Due) {
        if let Some(fires) = self.fires.remove(&(at, due)) {
            self.order.remove(&(fires, due, at));
        }
    }

    pub(super) fn take_unjudged(&mut self) -> Vec<(Time, Due)> {
        std::mem::take(&mut self.unjudged)
    }

    /// This one waits until then.
    pub(super) fn hold(&mut self, at: Time, due: Due, fires: Time) {
        self.fires.insert((at, due), fires);
        self.order.insert((fires, due, at));
    }

    pub(super) fn has_judged_all_by(&self, grace: Grace) -> bool {
        self.grace == grace && self.unjudged.is_empty()
    }

    /// The first moment of those that wait.
    pub(super) fn first(&self) -> Option<Time> {
        self.fires.keys().next().map(|(at, _)| *at)
    }

    /// When the first of them fires.
    pub(super) fn first_to_fire(&self) -> Option<Time> {
        self.order.first().map(|(fires, ..)| *fires)
    }

    /// Those that have fired by now, in order, with when.
    pub(super) fn fired(&self, now: Time) -> impl Iterator<Item = (Time, Due)> + '_ {
        let fired = self.order.iter().inspect(|_| visit()).take_while(move |(fires, ..)| *fires <= now);
        fired.map(|(fires, due, _)| (*fires, *due))
    }

    /// All that wait, by their moments.
    pub(super) fn all(&self) -> impl Iterator<Item = (Time, Due)> + '_ {
        self.fires.keys().copied()
    }
}
