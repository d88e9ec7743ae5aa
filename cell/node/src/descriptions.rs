//! How much is made of descriptions of large runs at a time.
//!
//! A description copies what is pending while its shard waits, and takes memory until it is sent. Of a large run it has
//! a turn and room.

use crate::core::Core;
use crate::status::status;
use atoll_api::call::Status;
use cell_engine::{Description, Run};
use cell_frontend::{Namespace, TurnLimits, Turns};
use cell_memory::{Budget, Charge, Owner};
use cell_shard::{ShardError, Target};
use std::sync::Arc;

/// A run that takes so many bytes of memory is described in its turn.
const LARGE: usize = 1 << 20;
/// Each may hold up a shard for some dozens of milliseconds.
const TURNS: TurnLimits = TurnLimits {
    at_once: 2,
    of_one_at_once: 1,
    of_one: 100,
    in_all: 400,
    refusal: "too many descriptions of large workflows wait to be made",
};

/// Makes descriptions of runs.
pub(crate) struct Descriptions {
    memory: Arc<Budget>,
    pub(crate) turns: Turns,
}

impl Descriptions {
    /// Within `memory`.
    pub(crate) fn new(memory: Arc<Budget>) -> Self {
        Self { memory, turns: Turns::new(TURNS) }
    }

    /// Describes a run of a namespace for a client.
    pub(crate) async fn of(
        &self,
        core: &Core,
        namespace: &Namespace,
        target: &Target,
    ) -> Result<Description, Status> {
        let bytes = match core.look(target, small).await? {
            Ok(description) => return Ok(description),
            Err(bytes) => bytes,
        };
        let place = self.turns.enter(namespace, 1)?;
        let _turn = place.turn().await;
        let _room = self.room(bytes).map_err(|error| status(error, target))?;
        core.look(target, Run::describe).await
    }

    /// Room for a description of so many bytes.
    fn room(&self, bytes: usize) -> Result<Charge, ShardError> {
        let charge = self.memory.charge(Owner::Descriptions, bytes);
        if self.memory.has_room_for_clients() { Ok(charge) } else { Err(ShardError::NoMemory) }
    }
}

/// Describes a run that is not large; else the bytes that it takes of memory, of which a description shows a part.
fn small(run: &Run) -> Result<Description, usize> {
    let bytes = run.held_bytes();
    if bytes < LARGE { Ok(run.describe()) } else { Err(bytes) }
}
