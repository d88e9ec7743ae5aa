//! What can go wrong in an object store.

use thiserror::Error;

/// An object store call failed. A write that failed may have taken effect; repeating it is right.
#[derive(Debug, Error)]
pub enum ObjectStoreError {
    /// The key is not a path of plain segments.
    #[error("invalid object key {0:?}")]
    InvalidKey(String),
    /// The object is larger than its reader takes in.
    #[error("object {key:?} has {bytes} bytes, of which {most} are read at most")]
    TooLarge {
        /// Its key.
        key: String,
        /// Its bytes, or as many as were seen.
        bytes: u64,
        /// What the reader takes in.
        most: usize,
    },
    /// The store is away, full or broken.
    #[error("object store: {0}")]
    Io(#[from] std::io::Error),
}
