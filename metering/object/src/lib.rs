//! The usage object file format (Parquet), written by cells and read by metering.
//!
//! Owns: names and bytes of usage objects. Entries are columns that common query engines read; what else an object
//! says (cell, range, seals, attributions) stands in the file's key-value metadata. Does not own: where objects are
//! kept, what usage means.

mod columns;
mod decode;
mod encode;
mod names;

pub use decode::decode;
pub use encode::encode;
pub use names::{day_prefix, key, manifest_key, manifest_prefix, parse_key, shard_prefix};

use thiserror::Error;

/// Bytes of a file that are read at most. Entries of an object are bounded by its writer, at a tenth of this.
pub const LARGEST_FILE: usize = 64 << 20;

/// Bytes of a manifest that are read at most.
pub const LARGEST_MANIFEST: usize = 64 << 10;

/// A usage object cannot be written or read.
#[derive(Debug, Error)]
pub enum UsageObjectError {
    /// Not a Parquet file, or a damaged one.
    #[error("usage object file: {0}")]
    File(#[from] parquet::errors::ParquetError),
    /// A Parquet file that is no usage object.
    #[error("not a usage object: {0}")]
    Form(String),
}
