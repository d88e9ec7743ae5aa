//! What follows the durable log: effects, and projections with what their sinks have not confirmed.
//!
//! Owns the seams to both; the spool, which holds unconfirmed items in memory up to a budget; and the outbox, in
//! which they stand where the log may forget them. What a projection makes of the log, and whom it tells, is the
//! node's.

mod outbox;
mod sink;
mod spool;
mod stored;

pub(crate) use outbox::REMOVAL_INTERVAL;
pub use outbox::{Outbox, Room};
pub use sink::{DurableBatch, EffectSink, Projection};
pub use spool::{Spool, SpoolSide, SpoolSlice, Spooled, Telling, Unconfirmed};
pub use stored::StoredPage;
