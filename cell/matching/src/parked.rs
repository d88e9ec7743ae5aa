//! The polls of one partition that wait for work.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::oneshot;

use crate::poll::{PollOutcome, Poller};
use crate::workers::Waits;

/// One parked poll as the partition sees it; the other end of `reply` is the poll's future.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) reply: oneshot::Sender<PollOutcome>,
    pub(crate) identity: Arc<str>,
    instance_key: Option<Arc<str>>,
    /// Its place in the index of workers.
    _waits: Option<Waits>,
}

/// Parked polls in order of arrival, so that work goes round among workers.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    next_id: u64,
    by_arrival: BTreeMap<u64, Waiter>,
}

impl Parked {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_arrival.is_empty()
    }

    /// Parks a poll; the id takes it out again.
    pub(crate) fn park(
        &mut self,
        poller: &Poller,
        waits: Option<Waits>,
    ) -> (u64, oneshot::Receiver<PollOutcome>) {
        let (reply, outcome) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        let waiter = Waiter {
            reply,
            identity: poller.identity.clone(),
            instance_key: poller.instance_key.clone(),
            _waits: waits,
        };
        self.by_arrival.insert(id, waiter);
        (id, outcome)
    }

    /// The poll that waits longest.
    pub(crate) fn pop(&mut self) -> Option<Waiter> {
        self.by_arrival.pop_first().map(|(_, waiter)| waiter)
    }

    /// Takes out one poll; none if somebody already did.
    pub(crate) fn leave(&mut self, id: u64) -> Option<Waiter> {
        self.by_arrival.remove(&id)
    }

    /// Takes out all polls of a worker, by its instance key.
    pub(crate) fn take_worker(&mut self, instance_key: &str) -> Vec<Waiter> {
        let is_theirs = |waiter: &Waiter| waiter.instance_key.as_deref() == Some(instance_key);
        self.by_arrival.extract_if(.., |_, waiter| is_theirs(waiter)).map(|(_, waiter)| waiter).collect()
    }

    /// Takes out every poll.
    pub(crate) fn drain(&mut self) -> Vec<Waiter> {
        std::mem::take(&mut self.by_arrival).into_values().collect()
    }

    pub(crate) fn any_with_identity(&self, identity: &str) -> bool {
        self.by_arrival.values().any(|waiter| &*waiter.identity == identity)
    }
}
