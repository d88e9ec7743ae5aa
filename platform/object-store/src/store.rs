//! The seam.

use crate::error::ObjectStoreError;
use async_trait::async_trait;
use bytes::Bytes;

/// Durable storage of whole objects. What a call answered with success survives the loss of process and power.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Writes an object, replacing one of the same key. Readers see the old or the new one, never a part.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError>;

    /// Writes an object unless one of that key exists; answers whether it did.
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<bool, ObjectStoreError>;

    /// An object's bytes; `None` where there is none.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, ObjectStoreError>;

    /// Keys that begin with `prefix` and come after `after`, in byte order, at most `limit`.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError>;

    /// Removes an object; succeeds when it is not there.
    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError>;
}
