//! Why an entity is kept aside.

use atoll_internal_api::entity::EntityKind;
use cell_engine::RestoreError;
use prost::DecodeError;
use thiserror::Error;

/// An entity cannot be used as it is. Whoever meets this keeps the entity aside, with this text for operators; the
/// shard goes on.
#[derive(PartialEq, Debug, Error)]
pub(crate) enum Unfit {
    /// The engine panicked over it, and said this.
    #[error("{0}")]
    Panicked(String),
    /// A transition that the log holds of it does not decode.
    #[error("its events do not decode: {0}")]
    Undecodable(DecodeError),
    /// The segment that a logged transition refers to is missing or damaged, which was told where it was read.
    #[error("its events, which stood beside the log, could not be used")]
    LacksEvents,
    /// The same, where replay reads the segment: what is wrong with it.
    #[error("{0}")]
    SideRow(String),
    /// A transition is of a kind that no code here hosts.
    #[error("{0:?} is not known")]
    UnknownKind(EntityKind),
    /// A transition is of an entity that is kept aside already.
    #[error("the entity is quarantined")]
    Quarantined,
    /// Its row is of a kind that no code here hosts.
    #[error("stored by code that knows more kinds of entity")]
    StoredKind,
    /// Its row's snapshot is of a newer format, or not one of its kind.
    #[error("its stored snapshot cannot be used: {0}")]
    Snapshot(RestoreError),
    /// The store refuses to read its row, and said this.
    #[error("its stored row cannot be read: {0}")]
    Unreadable(String),
    /// The store refuses to write its rows, and said this.
    #[error("its rows cannot be written: {0}")]
    Unwritable(String),
}
