//! S3 as an object store: [`S3ObjectStore`] over aws-sdk-s3, which no other crate sees.
//!
//! Owns: what an `s3://` URL may say ([`S3Location`]), credentials, time limits and retries, how a bucket is proven fit
//! before anything relies on it ([`S3ObjectStore::prove`]), and what a lost answer means. Does not own: what objects
//! mean, and how long the bucket keeps them.
//!
//! # Invariants
//!
//! - A write that replaces nothing carries `If-None-Match: *`, in one piece or in parts. A store that does not heed it
//!   is refused before the first write.
//! - An object in parts stands whole or not at all: its last request makes it visible. Parts of a write that failed are
//!   removed; those of a process that was killed are not, and a lifecycle rule of the bucket removes them.
//! - Where the service says that an object stands, or that an upload is no more, the bytes that stand are compared with
//!   those that were to be written: an attempt whose answer was lost is told from another writer's.
//! - No message holds a key or a token. Neither may a URL.

mod client;
mod failure;
mod limits;
mod list;
mod location;
mod marker;
mod parts;
mod read;
mod store;
mod write;

pub use limits::Limits;
pub use location::{Encryption, S3Location, UrlError};
pub use store::S3ObjectStore;
