//! What can go wrong in an object store.

use thiserror::Error;

/// An object store call failed. A failed `put` may have taken effect; repeating it is right.
#[derive(Debug, Error)]
pub enum ObjectStoreError {
    /// The key is not a path of plain segments.
    #[error("invalid object key {0:?}")]
    InvalidKey(String),
    /// The store is away, full or broken.
    #[error("object store: {0}")]
    Io(#[from] std::io::Error),
}
