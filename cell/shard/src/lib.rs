//! Shard runtime: log, commit, effects, recovery, checkpoints, wake-ups, projections.
//!
//! Owns: turning pure decisions of `cell-engine` into durable, ordered, fenced records over a
//! `cell_store::ShardStore`, and everything that follows from a record being durable.
//! Does not own: what a command means (`cell-engine`), how bytes are stored (`cell-store`), what is
//! billable (`metering-rules`), where effects go (the node that assembles a cell).
//!
//! A shard is one table of entities by name (`memory::table`), the head of its log (`log::head`) and an index of what
//! is due (`time::due_index`). It knows entities by what `cell_engine::Entity` says of all, and their kinds by the
//! registry.
//!
//! Invariants:
//! - a shard's memory changes only by applying a record, live and in replay (`memory::apply`);
//! - no lock is held across an await; a request never waits for anything but a load and its commit;
//! - nothing that a caller, a worker or a projection sees is ahead of the durable log, but for the start of a
//!   workflow task: its worker gets it before it is durable, and nobody else sees it. It is written with the node's
//!   next append, or a few milliseconds later. A start that is lost is dispatched again, and the nonce of the first
//!   one's token refuses the late answer;
//! - loops are watched (`recovery::keeper`): a panic in one costs a shard its memory, never the node, and health says
//!   so (`recovery::loss`);
//! - a batch's effects belong to the batch: a caller that goes away changes nothing;
//! - what is in memory draws on a budget (`cell-memory`): clients are refused before it is full, work that runs goes
//!   on, and a loop lets go of what is longest unused (`memory::relief`);
//! - shard time never runs backwards, also across owners; what is due is judged by it (`time`);
//! - the trim passes over nothing that a projection has not told or that does not stand in the outbox.
//!
//! # Where things are
//!
//! - `call`: a call, from its question to its answer;
//! - `memory`: what a shard holds in memory, and the one way in which that changes;
//! - `load`: bringing entities back from the store;
//! - `branches`: where the events of a run stand that was forked from another, and what forking one takes;
//! - `log`: batches, rows, the committer;
//! - `checkpoint`: writing what changed to rows, so that the log can be trimmed;
//! - `time`: shard time, and what is due by it;
//! - `deletion`: the whole life of a deletion, of what retention ends and of removed namespaces;
//! - `projection`: effects, projections, spool and outbox;
//! - `recovery`: taking shards over, giving them up, beginning loops again;
//! - `quarantine`: keeping one entity's damage that entity's alone;
//! - beside these `runtime`, whose methods stand in all of them, and its `loops`; `config`, `damage`, `error`,
//!   `hash`, `metrics` and `names`, which all may use; `seeds`, for whoever makes ids; `inspect`, which is for tests
//!   alone.
//!
//! # To add a projection
//!
//! Something that follows the durable log and tells a sink outside: an archive, a replica, an export.
//! 1. Its item, what one outbox row holds, with [`Spooled`]: bytes in memory, `encode` and `decode`, and `join` if
//!    consecutive items may be one row. The encoding is a stored format: a message of `atoll-internal-api`.
//! 2. A [`Projection`] with a [`Spool`] of these as its `spool`. `durable` makes items of a [`DurableBatch`] (its
//!    facts, or its own `records`) and `put`s them. The key says what replaces what: the entity where only the newest
//!    counts, the log row where each counts; keys that sort as the log does are told in its order.
//! 3. Its loop: `read_back`, `next`, tell the sink, `confirm` or `give_back`; wait for `arrived` when there is nothing,
//!    and for longer and longer while the sink is away. What the sink does not take is `set_aside`. Telling twice
//!    must be harmless: guard by position, or write under a name that follows from the range.
//! 4. In `cell-node`: a file in `projections/`; its bytes in `ProjectionConfig`, and the share of the memory budget
//!    that bounds them in `shares.rs`; in `assembly.rs` its field of `Parts`, and its place among the `projections`
//!    that the shards tell, without which it hears nothing; its loop in `assembly/loops.rs`, kept like the others. What
//!    it sets aside is in the cell's health by itself.
//!
//! Receipts, the outbox, restarts and lost shards need nothing more: the spool and the checkpoint do them. Test it with
//! a sink that fails, behind a store that fails, over several lives.

mod branches;
mod call;
mod checkpoint;
mod config;
mod damage;
mod deletion;
mod error;
mod hash;
mod inspect;
mod load;
mod log;
mod loops;
mod memory;
mod metrics;
mod names;
mod projection;
mod quarantine;
mod recovery;
mod runtime;
mod seeds;
mod time;

pub use call::{Awaited, Begun, HistoryPage};
pub use cell_engine::{Origin, Target};
pub use config::ShardConfig;
pub use error::ShardError;
pub use hash::shard_of;
pub use log::row::RowError;
pub use projection::{
    DurableBatch, EffectSink, Outbox, Projection, Room, Spool, SpoolSide, SpoolSlice, Spooled, StoredPage,
    Telling, Unconfirmed,
};
pub use quarantine::Quarantined;
pub use recovery::{Keeper, LogInspector, Renewed, USAGE_MANIFEST, renew};
pub use runtime::{Namespaces, ShardDeps, ShardRuntime};
pub use time::{Clock, HOUR_MS};
