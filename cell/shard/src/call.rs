//! A call, from its question to its answer.
//!
//! Owns what happens between a caller and the log: locking a shard with everything in memory that a command needs,
//! refusing what it cannot take in, having the engine decide, and holding the answer until what it rests on is durable.
//! Reads and long polls go the same way. What is decided changes memory in `memory`, and becomes durable in `log`.

mod admit;
mod ask;
mod begun;
mod decide;
mod durable;
mod history;
mod read;
mod ready;
mod refusals;
mod tell;
mod watch;

pub(crate) use ask::Told;
pub use begun::Begun;
pub use history::HistoryPage;
pub(crate) use refusals::Refusals;
pub use watch::Awaited;
pub(crate) use watch::Watchers;
