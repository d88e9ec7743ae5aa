//! A long poll of one partition.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::{
    lease::{QueryLease, TaskLease},
    partition::{Arrival, Partition},
};

/// Who polls, and until when.
#[derive(Clone, Debug)]
pub struct Poller {
    /// The worker's identity string, shown in DescribeTaskQueue.
    pub identity: Arc<str>,
    /// The worker's unique instance key, where its SDK sends one.
    pub instance_key: Option<Arc<str>>,
    /// The rate the worker asked for, tasks per second; only carried to DescribeTaskQueue.
    pub rate_per_second: Option<f64>,
    /// The client's deadline. The poll ends empty a margin before it, and after the configured long poll at
    /// the latest.
    pub deadline: Option<Instant>,
}

impl Poller {
    /// A poller with nothing but an identity.
    pub fn new(identity: impl Into<Arc<str>>) -> Self {
        Self { identity: identity.into(), instance_key: None, rate_per_second: None, deadline: None }
    }
}

/// How a poll ended.
#[derive(Debug)]
pub enum PollOutcome {
    /// A task, to be recorded as started and then accepted.
    Task(TaskLease),
    /// A query, to be accepted once it goes to the worker.
    Query(QueryLease),
    /// Nothing until the deadline: an empty success for the client.
    Empty,
    /// The worker said that it shuts down: an empty success for the client.
    ShutDown,
    /// The partition is another node's now: poll there.
    Moved,
    /// The namespace has as many partitions in memory as it may: RESOURCE_EXHAUSTED for the client.
    TooManyQueues,
}

/// Runs one poll. Dropping it at any point loses nothing: a task on its way to it goes back by its lease.
/// Without a partition there is no room for it.
pub(crate) async fn run(partition: Option<Arc<Partition>>, poller: Poller) -> PollOutcome {
    let Some(partition) = partition else { return PollOutcome::TooManyQueues };
    let begun = Instant::now();
    let ends = ends_at(&partition, &poller, begun);
    // Whatever `arrive` needs is gone before the await: 100,000 of these futures may be parked.
    let outcome = match arrive(&partition, poller, begun, ends) {
        Arrival::Taken(outcome) => outcome,
        Arrival::Nothing => PollOutcome::Empty,
        Arrival::Parked(id, reply) => wait(&partition, id, reply, ends).await,
    };
    let meters = partition.meters();
    meters.poll_latency.record(begun.elapsed());
    if matches!(outcome, PollOutcome::Empty) {
        meters.poll_timeouts.increment(1);
    }
    outcome
}

fn arrive(partition: &Arc<Partition>, poller: Poller, begun: Instant, ends: Instant) -> Arrival {
    let retired = |key| partition.shared.retired.contains(partition.key.namespace_id, key);
    if poller.instance_key.as_ref().is_some_and(retired) {
        return Arrival::Taken(PollOutcome::ShutDown);
    }
    partition.arrive(&poller, begun, ends > begun)
}

fn ends_at(partition: &Partition, poller: &Poller, begun: Instant) -> Instant {
    let config = partition.config();
    let latest = begun + config.long_poll;
    let margin = config.deadline_margin;
    match poller.deadline {
        Some(deadline) => latest.min(deadline.checked_sub(margin).unwrap_or(begun)),
        None => latest,
    }
}

async fn wait(
    partition: &Partition,
    id: u64,
    mut reply: tokio::sync::oneshot::Receiver<PollOutcome>,
    ends: Instant,
) -> PollOutcome {
    let mut place = Place::new(partition, id);
    let received = match timeout_at(ends, &mut reply).await {
        Ok(received) => received,
        // Whoever took this poll out already is about to send.
        Err(_) if !partition.leave(id, true) => reply.await,
        Err(_) => {
            place.held = false;
            return PollOutcome::Empty;
        }
    };
    place.held = false;
    received.unwrap_or(PollOutcome::Moved)
}

/// A parked poll's place in the partition, given up when the poll's future is dropped.
struct Place<'a> {
    partition: &'a Partition,
    id: u64,
    held: bool,
}

impl<'a> Place<'a> {
    fn new(partition: &'a Partition, id: u64) -> Self {
        partition.meters().pending_polls.increment(1);
        Self { partition, id, held: true }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.partition.meters().pending_polls.decrement(1);
        if self.held {
            self.partition.leave(self.id, false);
        }
    }
}

/// The remaining time of a wait that counts from `begun`.
pub(crate) fn deadline_after(begun: Instant, timeout: Duration) -> Instant {
    // A timeout beyond the clock's range waits as long as a day.
    begun.checked_add(timeout).unwrap_or_else(|| begun + Duration::from_secs(86_400))
}
