//! Deleting entities for good, from the decision to the last of their rows.
//!
//! Owns what retention ends and what a removed namespace held, what the log says of a deletion, what is taken off the
//! bill for it, and the removal of rows. The life of a deletion:
//!
//! 1. Somebody decides: retention, where a closed entity wants nothing done any more and its time has come
//!    (`retention`; `time::hours` asks for it before it seals an hour); the cell, where a namespace was removed
//!    (`emptied`); or an operator, of one entity that is kept aside (`quarantine::operators`).
//! 2. One record of the log names the entities, and with each run the record of the current run that names it
//!    (`logged`). The usage that takes off what was billed for them stands in the same record: nothing is taken off
//!    twice. Of what retention ends that is one number; of anything else `billed` sums it up.
//! 3. With that record they leave memory and what is due, as in replay. Their names are absent from then on, though
//!    their rows stand (`memory::table`), and who finds one absent waits until that is durable.
//! 4. Once the record is durable projections are told: visibility keeps a tombstone. No other entity is told of it.
//! 5. The next checkpoint removes their rows (`rows`), behind what it writes and before the trim takes the record. One
//!    that comes into being again under its name meanwhile has them removed with its first snapshot. Events that a
//!    forked run shares stay until the last such run goes (`branches`): they are that run's by then, and billed as
//!    its own all along.
//!
//! What a crash leaves: without the record nothing was deleted. With it the next owner finds the deletion in the log's
//! tail (`recovery::found`), passes over what the tail says of such an entity before it, and removes the rows: also
//! where some are gone already. Where the store refuses to remove rows, for they are damaged, the entity does not exist
//! all the same: the shard's own state says so in place of the log.

mod billed;
mod emptied;
mod logged;
mod retention;
mod rows;

pub(crate) use billed::Billed;
pub(crate) use logged::{add_deletion, deleted_keys, record_naming};
pub(crate) use rows::Unremoved;
