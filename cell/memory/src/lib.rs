//! A cell's memory budget in bytes: who holds how much, who may have more, and how much there is.
//!
//! Owns: one [`Budget`] per cell, drawn on by whatever of it grows with use ([`Owner`]), and the look at what the
//! machine has ([`machine`]). Does not own: letting go, which is the shards' (`cell-shard`, its loop over what is in
//! memory).
//!
//! # How it holds
//!
//! - Bytes are counted where they come and go: an entity that changed adds its difference, nothing is walked. They are
//!   estimates of what the allocator hands out, held to it by tests.
//! - Above four fifths of the budget what is clean and longest unused is let go of, and what changed is written,
//!   coldest first, so that it can go too.
//! - What clients ask for and would add memory (a start, a load) is refused where only the last eighth is left. That
//!   eighth is for work that runs: answers of workers, messages, wake-ups. Workers are refused at the whole budget; the
//!   cell itself only for a while where it wants a large entity back, for its own steps are how entities come to rest
//!   and can be let go of.
//! - Where one namespace could hold what all may, each leaves free as much as it holds ([`NamespaceShares`]).
//! - What frees memory never asks for it: the loop that lets go takes a shard's lock, the lock of its checkpoints and
//!   the store, none of which is held by anybody who waits for the budget. Nobody waits for the budget at all: there is
//!   room, or the call is refused. So a full budget drains as long as the store takes writes.
//! - What stores in memory hold is shown here and is counted against starts alone: nothing but deletion frees it, and
//!   reads have to go on.
//!
//! # To add an owner
//!
//! A variant of [`Owner`] with its name. What holds memory for the time of a call takes a [`Charge`]; what counts by
//! itself says its level with [`Budget::set`], or is asked for it ([`Budget::watch`]).

mod budget;
mod charge;
pub mod machine;
mod shares;

pub use budget::{Budget, Owner};
pub use charge::Charge;
pub use shares::{NamespaceCharge, NamespaceShares};
