//! The seam.

use crate::error::ObjectStoreError;
use async_trait::async_trait;
use bytes::Bytes;

/// Durable storage of whole objects.
///
/// What a call answered with success survives the loss of process and power, and every later call sees it, whoever
/// makes it. A write that failed is unknown: it may have taken effect, or may do so a little later, where a request is
/// still on its way. Repeating it is right, and [`put_if_absent`](Self::put_if_absent) says what it finds then.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Writes an object, replacing one of the same key. Readers see the old or the new one, never a part.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError>;

    /// Writes an object unless one of that key exists, which stays as it is then. Of several writers one has written.
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError>;

    /// An object's bytes; `None` where there is none. One of more than `most` bytes is
    /// [`TooLarge`](ObjectStoreError::TooLarge), and no more than these are in memory at any time.
    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError>;

    /// Keys that begin with `prefix` and come after `after`, in byte order, at most `limit`: fewer where there are no
    /// more. What stands there and is no key is left out.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError>;

    /// Removes an object; succeeds when it is not there.
    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError>;
}

/// What came of a write that replaces nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum ConditionalPut {
    /// This call wrote the object.
    Written,
    /// An object of exactly these bytes stands. Where an earlier attempt had no answer it may be that one's, and it may
    /// be another writer's of the same bytes: who has to tell them apart puts a number of their own into the bytes.
    Identical,
    /// Another object stands, and was left as it is.
    Different,
}

impl ConditionalPut {
    /// What an object that stands is to one that was to be written.
    pub fn beside(standing: &[u8], new: &[u8]) -> Self {
        if standing == new { Self::Identical } else { Self::Different }
    }
}
