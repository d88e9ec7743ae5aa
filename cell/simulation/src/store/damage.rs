//! Appends that a store refuses for good.

use crate::clock::SimulatedClock;
use crate::world::World;
use cell_store::{Append, ShardId};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::sync::Arc;

/// How often an append meets damage, where there is some left.
const OFTEN: f64 = 0.05;
/// How long a shard that is given up for it is at least away.
const AWAY: SignedDuration = SignedDuration::from_secs(2);

/// Whether what met damage took effect.
#[derive(Clone, Copy)]
pub(super) enum Met {
    Before,
    After,
}

/// Damage that a life of the cell meets: so often an append is answered as corrupt, and that of one of its shards again
/// when it comes by itself. The cell gives that shard up and takes it over anew. Clones are the same damage.
#[derive(Clone)]
pub(crate) struct Damage(Arc<Mutex<State>>);

struct State {
    left: u32,
    /// Whose append is damaged until it has come by itself.
    shard: Option<ShardId>,
    clock: SimulatedClock,
    /// When shards were away for it.
    away: Vec<(Timestamp, Timestamp)>,
}

impl Damage {
    pub(crate) fn new(clock: SimulatedClock) -> Self {
        Self(Arc::new(Mutex::new(State { left: 0, shard: None, clock, away: Vec::new() })))
    }

    /// A life begins, which meets it so often.
    pub(crate) fn begin(&self, times: u32) {
        let mut state = self.0.lock();
        (state.left, state.shard) = (times, None);
    }

    /// When shards were away for it, by true time.
    pub(crate) fn away(&self) -> Vec<(Timestamp, Timestamp)> {
        self.0.lock().away.clone()
    }

    /// What these appends meet, in one call. Ownership records meet nothing: a log that cannot be taken over stays so.
    pub(super) fn meets(&self, world: &World, appends: &[Append]) -> Option<Met> {
        let mut state = self.0.lock();
        let is_claim = appends.iter().any(|append| append.rows.iter().any(|row| row.ownership));
        if is_claim || state.left == 0 {
            return None;
        }
        let shard = match state.shard {
            Some(shard) => appends.iter().find(|append| append.shard == shard)?.shard,
            None if world.chance(OFTEN) => appends.first()?.shard,
            None => return None,
        };
        state.shard = Some(shard);
        if appends.len() == 1 {
            let now = state.clock.truth();
            state.away.push((now, now.saturating_add(AWAY).expect("within the calendar")));
            state.shard = None;
            state.left -= 1;
        }
        let after = world.chance(0.5);
        world.met("append", if after { "corrupt, and written" } else { "corrupt" });
        Some(if after { Met::After } else { Met::Before })
    }
}
