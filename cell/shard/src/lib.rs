//! Shard runtime: log, commit, effects, recovery, checkpoints, wake-ups, projections.
//!
//! Owns: turning pure decisions of `cell-engine` into durable, ordered, fenced records over a
//! `cell_store::ShardStore`, and everything that follows from a record being durable.
//! Does not own: what a command means (`cell-engine`), how bytes are stored (`cell-store`), what is
//! billable (`metering-rules`), where effects go (the node that assembles a cell).
//!
//! A shard is one table of entities by name (`table`), the head of its log (`log_head`) and an index of what is due
//! (`due_index`). It knows entities by what `cell_engine::Entity` says of all, and their kinds by the registry.
//!
//! Invariants:
//! - a shard's memory changes only by applying a record, live and in replay (`apply`);
//! - no lock is held across an await; a request never waits for anything but a load and its commit;
//! - nothing that a caller, a worker or a projection sees is ahead of the durable log, but for the start of a
//!   workflow task: its worker gets it before it is durable, and nobody else sees it. It is written with the node's
//!   next append, or a few milliseconds later. A start that is lost is dispatched again, and the nonce of the first
//!   one's token refuses the late answer;
//! - loops are watched (`keeper`): a panic in one costs a shard its memory, never the node, and health says so (`loss`);
//! - a batch's effects belong to the batch: a caller that goes away changes nothing;
//! - what is in memory draws on a budget (`cell-memory`): clients are refused before it is full, work that runs goes on,
//!   and a loop lets go of what is longest unused (`relief`);
//! - shard time never runs backwards, also across owners; what is due is judged by it (`shard_time`);
//! - the trim passes over nothing that a projection has not told or that does not stand in the outbox.
//!
//! # Where things are
//!
//! - deciding: `runtime`, `ready`, `ask`, `tell`, `begun`, `admission`, `refusals`, `guard`, `pins`, `watch`, `apply`;
//! - the log: `log_row`, `log_head`, `batch`, `committer`, `side_rows`, `tail`, `outage`, `history`;
//! - what is in memory: `shard`, `state`, `table`, `key_hash`, `resident`, `evict`, `relief`;
//! - what is loaded: `stored`, `reads`, `load_sizes`, `coalesce`;
//! - checkpoints: `checkpoint`, `deleted`, `history_tail`, `waiting`, `waiting_rows`, `outbox`, `retention`;
//! - time: `clock`, `wall`, `shard_time`, `hours`, `wake`, `due_index`;
//! - recovery and failure: `recovery`, `found`, `loss`, `taken`, `failures`, `keeper`, `loops`, `quarantine`, `kept_steps`;
//! - projections: `sink`, `spool`, `usage`;
//! - all of these use `config`, `error`, `names`, `hash` and `metrics`; `inspect` is for tests alone.
//!
//! # To add a projection
//!
//! Something that follows the durable log and tells a sink outside: an archive, a replica, an export.
//! 1. Its item, what one outbox row holds, with [`Spooled`]: bytes in memory, `encode` and `decode`, and `join` if consecutive
//!    items may be one row. The encoding is a stored format: a message of `atoll-internal-api`.
//! 2. A [`Projection`] with a [`Spool`] of these as its `spool`. `durable` makes items of a [`DurableBatch`] (its facts, or its
//!    own `records`) and `put`s them. The key says what replaces what: the entity where only the newest counts, the log row
//!    where each counts; keys that sort as the log does are told in its order.
//! 3. Its loop: `read_back`, `next`, tell the sink, `confirm` or `give_back`; wait for `arrived` when there is nothing, and for
//!    longer and longer while the sink is away. What the sink will never take is `set_aside`. Telling twice must be harmless:
//!    guard by position, or write under a name that follows from the range.
//! 4. Its budget in the node's configuration, its start beside the others, what is set aside in the cell's health.
//!
//! Receipts, the outbox, restarts and lost shards need nothing more: the spool and the checkpoint do them. Test it with a sink
//! that fails, behind a store that fails, over several lives.

mod admission;
mod apply;
mod ask;
mod batch;
mod begun;
mod checkpoint;
mod clock;
mod coalesce;
mod committer;
mod config;
mod deleted;
mod due_index;
mod error;
mod evict;
mod failures;
mod found;
mod guard;
mod hash;
mod history;
mod history_tail;
mod hours;
mod inspect;
mod keeper;
mod kept_steps;
mod key_hash;
mod load_sizes;
mod log_head;
mod log_row;
mod loops;
mod loss;
mod metrics;
mod names;
mod outage;
mod outbox;
mod pins;
mod quarantine;
mod reads;
mod ready;
mod recovery;
mod refusals;
mod relief;
mod resident;
mod retention;
mod runtime;
mod shard;
mod shard_time;
mod side_rows;
mod sink;
mod spool;
mod state;
mod stored;
mod table;
mod tail;
mod taken;
mod tell;
mod usage;
mod waiting;
mod waiting_rows;
mod wake;
mod wall;
mod watch;

pub use begun::Begun;
pub use cell_engine::{Origin, Target};
pub use clock::Clock;
pub use config::ShardConfig;
pub use error::ShardError;
pub use found::LogInspector;
pub use hash::shard_of;
pub use history::HistoryPage;
pub use hours::HOUR_MS;
pub use keeper::Keeper;
pub use log_row::RowError;
pub use outbox::{Outbox, Room};
pub use quarantine::Quarantined;
pub use runtime::{Namespaces, ShardDeps, ShardRuntime};
pub use sink::{DurableBatch, EffectSink, Projection};
pub use spool::{Spool, SpoolSide, SpoolSlice, Spooled, Telling, Unconfirmed};
pub use watch::Awaited;
