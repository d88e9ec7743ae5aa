//! Bringing entities back from the store.
//!
//! Owns reading their rows: those that many calls want together, again while the store is away, one by one where it
//! refuses some. What is read is pinned until its call is decided; room for it is held before anybody knows how large
//! it is.

mod coalesce;
mod large;
mod loads;
mod pins;
mod reads;
mod sizes;
pub(crate) mod stored;

pub(crate) use coalesce::Coalescer;
pub(crate) use large::LargeLoads;
pub(crate) use loads::Loads;
pub(crate) use pins::Pins;
pub(crate) use reads::Reads;
