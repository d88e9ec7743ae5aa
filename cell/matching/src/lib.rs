//! Task queue partitions: pollers, sync match, backlog, query dispatch.
//!
//! **Owns**, in memory on the node that holds a partition: the parked polls, the bounded backlog of task
//! references ordered by priority and age, sticky queues' liveness, queries on their way to a worker, poller
//! history and the figures behind DescribeTaskQueue.
//!
//! **Does not own** what a task is (shards do), whether it may start (the shard's answer to *record started*),
//! routing between nodes, or the wire. A [`TaskRef`] only points at durable state, so losing all of a node's
//! memory loses no work: shards offer again, and the start of a stale reference is refused.
//!
//! # How a task travels
//!
//! 1. A shard calls [`Matching::offer`]. A parked poll gets the task at once (sync match: one lock of the
//!    partition, one wake-up), otherwise it waits in the backlog, or is refused as [`Offer::Full`]:
//!    the shard's store keeps it then, and the partition asks for it in its turn ([`Matching::wants_more`]). What no
//!    partition remembers, for there are too many or it was unloaded, is asked of the shard at once
//!    ([`Matching::owed`]).
//! 2. A poll ends with a [`TaskLease`]. The task is out of the backlog, and not yet gone.
//! 3. Whoever polled records the start with the shard, then [accepts](TaskLease::accept) (started),
//!    [discards](TaskLease::discard) (stale) or gives back (busy, or the client went away) the lease.
//!    Dropping a lease gives back, so a poll that is cancelled at any point loses nothing.
//!
//! A query travels the same way ([`Matching::dispatch_query`], [`QueryLease`]), but is never kept: it lives as
//! long as the future that waits for its answer.
//!
//! # Invariants
//!
//! - A partition never has both a parked poll and a waiting task or query: both sides look under one lock.
//! - No lock is held across an await, and none while a waker runs.
//! - Every queue has a bound, named in [`MatchingConfig`].
//! - One task serves the whole crate, [`Matching::run_janitor`]; a poll costs one parked future.
//!
//! # Time
//!
//! Windows and deadlines run on tokio's monotonic clock; what is compared with a shard's times (backlog age,
//! schedule-to-start) takes the wall clock in milliseconds as a parameter.

mod backlog;
mod beyond;
mod config;
mod describe;
mod history;
mod janitor;
mod key;
mod lease;
mod loaded;
mod matching;
mod meters;
mod owed;
mod parked;
mod partition;
mod place;
mod poll;
mod pull;
mod query;
mod rate;
mod retired;
mod task;
mod workers;

pub use config::MatchingConfig;
pub use describe::TaskQueueStats;
pub use history::PollerInfo;
pub use key::{QueueKind, TaskQueueKey, TaskType};
pub use lease::{QueryLease, TaskLease};
pub use matching::{Matching, Offer};
pub use owed::Owed;
pub use place::Place;
pub use poll::{PollOutcome, Poller};
pub use pull::Pull;
pub use query::{QueryError, QueryGone, QueryTask};
pub use task::TaskRef;
