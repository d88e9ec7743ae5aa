//! A schedule: it starts workflows at the times that its spec names.
//!
//! Owns: which times are due, which of them are acted on (catch-up, pause, limited actions, overlap), what is started
//! for each, what is left to the next one. Does not own: when a spec is due (`schedule-spec`), starting
//! (`StartWorkflow`), whose turn it is to start (the node).
//!
//! A time becomes a *buffered* start when it is due, a *pending* one when its overlap policy lets it go, and then a
//! *running* workflow, if later ones have to wait for it. Each start has a number; from it and the schedule's life
//! follow the request id and what the schedule knows the chain by, so that a start that is sent again finds what it
//! began, in whatever run that is by then.
//!
//! While something is held up by a workflow that runs, it is asked now and then whether that exists: then the end of
//! its chain will be told; else it was deleted, and has ended.
//!
//! A start whose time may not be caught up with any more begins nothing: it only asks whether it did before its answer
//! was lost. Where nobody has answered that ten minutes later (the workflow is in quarantine, say), nothing waits for
//! it any longer: it counts as one that may run beside others, and so does what it turns out to have begun. It is asked
//! for still. What people are shown of a schedule has no field for it: it is on its way, and was not missed.
//!
//! To add an overlap policy: its arm in `buffer::judge` with its rows in the tables of that module's tests; its name in
//! `plan.rs`; where it asks something of a running workflow, a variant of `Asked` and its message in `start.rs` and
//! `effects.rs`.
//!
//! Invariants:
//! - a time of the spec is dealt with once: what is passed is a high-water mark, in one step with what became of the
//!   time. It only grows: a schedule whose mark would not is kept aside;
//! - deciding applies each change to a copy of the state by the same function that applies it for good
//!   ([`State::apply`]);
//! - a step finds so many times at most ([`TIMES_PER_STEP`], [`BACKFILLED_PER_STEP`]), and takes so many looks for each
//!   of its questions ([`LOOKS_LOCKED`](times::LOOKS_LOCKED)): what is left is due at once, in the next;
//! - all that is kept has a limit: a schedule is stored in one piece, without chunks. The largest parts are what
//!   clients gave it and what its workflows return, each within the limit of a payload;
//! - what happened is the original's; where that leaves something out by chance (times of an unfinished backfill while
//!   nothing wakes it, a result that came while nobody looked), it does not.

mod apply;
mod buffer;
mod commands;
mod draft;
mod effects;
mod entity;
mod facts;
mod held;
mod plan;
mod start;
mod state;
mod stored;
mod times;

pub use commands::{CreateSchedule, DeleteSchedule, PatchSchedule, UpdateSchedule};
pub use facts::ScheduleDescription;
pub use times::{ScheduleLook, ScheduleTimes, ScheduleWalk};

use crate::entity::Stored;
use crate::family::Single;
use crate::registry::Kind;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use schedule_spec::Seed;
use state::State;

/// Starts that wait or are on their way at a time: what comes beyond them is dropped, and counted.
const BUFFER_LIMIT: usize = 1_000;
/// Backfills that are going on at a time.
const BACKFILL_LIMIT: usize = 100;
/// Starts that a backfill adds in one step.
const BACKFILLED_PER_STEP: usize = 10;
/// Between two steps of a backfill, nanoseconds.
const BACKFILL_PAUSE: i64 = 1_000_000_000;
/// Times that a step goes through.
const TIMES_PER_STEP: usize = 1_000;
/// Results of actions that are remembered, and how many of them lists show.
const RECENT_LIMIT: usize = 10;
const RECENT_LISTED: usize = 5;
/// Coming times that lists show, and how many they hold: they are told anew when some have passed.
const FUTURE_LISTED: usize = 5;
const FUTURE_KEPT: usize = 10;
/// Calendars, intervals and exclusions of each sort that lists show.
const SPECS_LISTED: usize = 10;
/// Request ids of updates and patches that are remembered.
const REQUEST_IDS_LIMIT: usize = 100;
/// Bytes of the notes that the schedule writes itself.
const NOTES_LIMIT: usize = 1_000;
/// A workflow that holds others up is looked for after this, and again after as long: one that an operator deleted
/// tells nobody how it ended. Nanoseconds.
const LOOK_PAUSE: i64 = 10 * 60 * 1_000_000_000;
/// How long a schedule that has nothing left to do stays open, nanoseconds.
const IDLE_NANOS: i64 = 7 * 24 * 3_600 * 1_000_000_000;
/// The conflict token of a new schedule.
const FIRST_TOKEN: i64 = 1;

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    key: EntityKey,
    seed: Seed,
    /// None before it is created.
    state: Option<Box<State>>,
}

impl Single for Schedule {
    const KIND: EntityKind = EntityKind::SCHEDULE;
}

/// The line of the registry.
pub(crate) fn kind() -> Kind {
    Kind::of::<Schedule>(Schedule::KIND)
        .woken_by::<commands::Wake>()
        .backs_off_by::<commands::BackOffMessage>()
        .answered_by::<commands::TakeAnswer>()
        .told_of_ends_by::<commands::TakeEnd>()
}

impl Schedule {
    /// The state of one that exists, open or closed.
    fn state(&self) -> Option<&State> {
        self.state.as_deref()
    }

    /// One before its first transition.
    pub fn new(key: EntityKey) -> Self {
        Self::create(key)
    }
}
