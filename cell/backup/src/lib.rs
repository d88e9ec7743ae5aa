//! Backups of a cell on SQLite in an object store.
//!
//! A backup is the cell's database as it is at one moment, and its lists as they were a moment before. It is made
//! beside the cell, which serves meanwhile: both are copied into a folder beside the database, cut into pieces and put,
//! and the manifest, which makes a backup of them, is written last. So it takes as much free disk as both files, the
//! growth of their write-ahead logs while they are copied (at most [`MOST_GROWTH`] each), and two pieces of memory.
//!
//! To restore is to fetch the pieces into a folder beside the database, to verify them, to begin a new incarnation of
//! the log there, and to give the files their names last: a cell is there only when it is whole.
//!
//! Owns: names and form of what is stored, making, listing and restoring backups. Does not own: when backups are made,
//! and their deletion, which is left to the lifecycle rules of the object store: all of a cell's begin with
//! [`names::prefix`]. What a deletion has left of a backup is refused when it is restored.
//!
//! Invariants:
//! - an object is written once and never changed;
//! - what a manifest names was written before it;
//! - nothing is put in the place of a database, and none is there before all of it is verified and on the disk;
//! - the lists of a backup are never newer than its cell: a list entry of a position that the log does not have yet
//!   would refuse what the cell lists there.

mod copy;
mod error;
mod fetch;
mod folder;
mod list;
mod make;
mod manifest;
pub mod names;
mod restore;
mod upload;
mod vacant;

pub use copy::MOST_GROWTH;
pub use error::BackupError;
pub use list::{find, list};
pub use make::{Moment, back_up};
pub use manifest::{BackedUpFile, Manifest};
pub use restore::{Restoring, restore, unfinished};

use std::path::PathBuf;

/// The files of a cell on SQLite.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CellFiles {
    /// Logs, entities, configuration.
    pub cell: PathBuf,
    /// Lists.
    pub lists: PathBuf,
}
