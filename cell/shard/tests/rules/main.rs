//! The rules of the shard runtime, one by one, over engines that fail, wait and forget on demand.

mod fixture;

mod apart;
mod branches;
mod checkpoint;
mod counted;
mod durable_before_visible;
mod effects;
mod emptied;
mod fencing;
mod group_commit;
mod hours;
mod ids;
mod large;
mod large_runs;
mod loads;
mod memory;
mod outbox;
mod overload;
mod panics;
mod quarantine;
mod recovery;
mod renewal;
mod residency;
mod retention;
mod side_rows;
mod started;
mod starts;
mod supervision;
mod tail;
mod third_kind;
mod time;
mod unknown_outcome;
mod waiting;
mod waiting_rows;
