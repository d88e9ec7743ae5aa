//! Pure state machines of everything durable that a cell hosts.
//!
//! Owns: what a workflow execution is, what every command means to it, which events and changes follow, what it
//! wants from the world. Does not own: time, ids, I/O, storage, delivery: they are parameters or the caller's.
//!
//! Shape: an [`Entity`] is everything durable with a name. A [`Command`] names the [`Family`] that it is decided on,
//! says what of it has to be in memory ([`Command::needs`]), reads the family's view and answers [`Transition`]s
//! ([`Command::decide`]). [`Entity::apply`] is the only way that state changes, live and in recovery, and answers the
//! difference in wanted [`Effect`]s. The [`Registry`] says which kinds there are; shards and stores know none by name.
//!
//! To add an engine command of runs (a kind's own commands stand in its folder, with a draft of their own): a file in
//! `commands/` with its `mod` and `pub use` in `commands.rs`, its `decide` in terms of a `Draft`, which holds what it
//! writes to the limits, its row in `writing` of `tests/rules/limits/written.rs`, its [`Command::origin`] where a
//! client or the cell itself sends it, and, where it changes something that is no event, a message in `change.proto`
//! with its arm in `run/apply.rs`. Who sends it stands in `cell-node`: a port (`ports/`) for a caller, a message
//! (`effects/messages/`) for another entity.
//!
//! To add a collection (something pending that begins with one event and ends with another, as activities, timers and
//! children do):
//! 1. its message in `state.proto` and its field in `RunSnapshot`;
//! 2. a file in `run/collections/` that implements `Item` for it: what events mean to it, its deadlines, what it wants;
//! 3. its line in `run/collections.rs`. Snapshots, chunks, back-off, effects and the fold of events follow;
//! 4. a variant of `Due` for each sort of deadline, with its arms in `commands/wake.rs` and `run/grace.rs`, and what
//!    people are shown of it, a field of `Description`;
//! 5. where its ending event may wait behind its started event while a worker has the workflow task, its arms in
//!    `draft/waiting.rs` and `started` of `draft.rs`: nothing else keeps their order;
//! 6. where it tells other entities something, a variant of [`EntityMessage`] with its arm in
//!    `EntityMessage::addressee`, carried out by the node (`effects/messages/`), and the commands that tell it what
//!    came of that;
//! 7. where workflows begin it, its command in `commands/respond_workflow_task_completed/`, with its arm in `steps.rs`
//!    (and out of `is_not_built`) and in `cause_of`, what it carries in `values.rs` of `atoll-internal-api`, and a
//!    limit in [`Limits`], which `dynamic_config/run_limits.rs` of `cell-frontend` and `limits.rs` of `cell-node` fill;
//! 8. where it is billed, an `ActionType` of `usage/v1/entry.proto` with its arm in `actions.rs` of `metering-rules`.
//!
//! A workflow command that begins nothing, as `ModifyWorkflowProperties`, is step 7 alone.
//!
//! To add a kind of entity:
//! 1. its number and its name, in [`EntityKind`](atoll_internal_api::entity::EntityKind) in `entity.rs` of
//!    `atoll-internal-api`; where lists show it, its file in `entity/` there with its names and its search attributes,
//!    as `entity/schedules.rs`, and in `entity.rs` its `pub mod` and its line in
//!    [`LISTED`](atoll_internal_api::entity::LISTED). The `Values` of what its requests carry belong in that file, too;
//! 2. its messages, in a package of their own: its snapshot, and its changes, which stand in the log as `Change.own`;
//! 3. its folder in `kinds/`: the entity ([`Entity`], [`Stored`]), its commands, those that take in what it is told by
//!    name ([`Notice`]: that a deadline may have passed, that a message was not delivered, what came of a message);
//! 4. its family: [`Single`] for an entity that is alone, [`Executions`] for runs with a record of the current one;
//! 5. in `kinds.rs` its `mod` and `pub use`, and its line of the [`Registry`];
//! 6. what it asks of workflows (start, cancel, terminate) is an [`AskWorkflow`], whose keys ([`EffectKey::Own`]) it
//!    numbers itself, and whose ids tell apart what it asks by one key; where it wants something of a new sort from the
//!    world, that sort of [`EffectKind`] and who carries it out (`effects` of `cell-node`);
//! 7. its calls: a port in `ports.rs` of `cell-frontend`, with its fake; in `ports/` of `cell-node` the other side of
//!    the port, which sends commands to the family's address, with its line in `ports.rs` there;
//! 8. its RPCs, and beside them what these share (`rpcs/schedules.rs` of `cell-frontend`); the key of a limit
//!    that holds no single run is an entry of `dynamic_config/keys.rs` there;
//! 9. what of it is billed: storage by the events of its history alone ([`Entity::billed_bytes`]), actions by an
//!    `ActionType` of `usage/v1/entry.proto`, and `actions.rs` of `metering-rules` or the draft's `bill`;
//! 10. where workers do something for it, its tasks: a variant of [`EffectKind`], of `WaitingType` of `cell-store` and
//!     of `TaskType` of `cell-matching`, with their arms in `waiting.rs` and `waiting_rows.rs` of `cell-shard`, which
//!     name the effect of a task as a run's ([`EffectKey::Pending`], a [`PendingKind`]); `ports/handover.rs` of
//!     `cell-node`, where `run_of` discards what is of no run and a `Handover` takes commands of [`Workflows`] only;
//!     `ActivityTaskToken`, which has no kind. `scheduled_event_id` is a number that the entity chooses, unique among
//!     its tasks that wait.
//!
//! But for the last, nothing in `cell-shard` or a store changes: the tests of `cell-shard` host a kind of their own
//! (`tests/rules/fixture/alarm.rs`).
//!
//! The workflow task is one sum type ([`WorkflowTask`]: none, scheduled, started), with where its events stand
//! ([`Standing`]). To add something that happens to it: a step in `run/workflow_task/step.rs` with its row in the table
//! of that module's tests.
//!
//! A checkpoint writes what [`Entity::checkpoint`] answers: a small run whole, a large one as a base and the chunks of
//! its collections that changed since the last write that was confirmed.
//!
//! Invariants: a step costs O(log n) in what is pending; events alone rebuild the state that a reset needs; event ids
//! are contiguous; an effect's back-off is state.

#![allow(deprecated, reason = "fields that newer SDKs have stopped sending are still in use")]

mod batches;
mod command;
pub mod commands;
mod current_run;
mod describe;
mod draft;
mod effect;
mod entity;
mod family;
mod ids;
mod kinds;
mod limits;
mod memory;
mod notice;
mod registry;
mod rejection;
mod retained_failure;
mod retry;
mod run;
mod texts;
mod time;
mod transition;
mod visibility;

pub use batches::begins_batch;
pub use command::{AddressOf, Command, Context, Decision, NamespaceConfig, Origin, Release, ViewOf};
pub use current_run::CurrentRun;
pub use describe::Description;
pub use draft::transient_tail;
pub use effect::*;
pub use entity::{Entity, EntityCheckpoint, Stored};
pub use family::*;
pub use ids::IdSource;
pub use kinds::*;
pub use limits::Limits;
pub use memory::{Known, Memory, Needs, Residents};
pub use notice::{Answer, Answered, ChainEnded, Grace, Notice, TakenBy, Undelivered, Woken};
pub use registry::{Kind, Registry};
pub use rejection::Rejection;
#[cfg(debug_assertions)]
pub use run::visited_items;
pub use run::{
    Ancestor, Listener, MOST_ANCESTORS, PendingKind, Receipt, RestoreError, Run, ScheduledTask, Standing,
    StartedTask, WorkflowTask,
};
pub use time::Time;
pub use transition::{NewEvent, Transition};
pub use visibility::VisibilityFacts;
