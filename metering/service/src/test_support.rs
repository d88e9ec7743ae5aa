//! Logs of made-up shards, usage objects of their rows, and the plain computation of what they cost.

mod log;
mod plain;
mod timers;

pub(crate) use log::{Log, Row, object};
pub(crate) use plain::{Plain, expected};
pub(crate) use timers::timers;

use uuid::Uuid;

/// The incarnation of every made-up log.
pub(crate) const INCARNATION: Uuid = Uuid::from_u128(0xa);

/// The namespace of this number.
pub(crate) const fn namespace(number: u128) -> Uuid {
    Uuid::from_u128(0x1000 + number)
}
