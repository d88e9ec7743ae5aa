//! Where the cell's projections write, under the world's weather. What was written outlives the cell.

use crate::seam::Seam;
use async_trait::async_trait;
use atoll_object_store::{ConditionalPut, MemoryObjectStore, ObjectStore, ObjectStoreError};
use bytes::Bytes;
use cell_visibility::{
    Attribute, Count, Deletion, ListRequest, MemoryVisibility, Page, Predicate, VisibilityError,
    VisibilityRecord, VisibilityStore,
};
use std::sync::Arc;
use uuid::Uuid;

/// An object store whose every call is a step of the world.
pub(crate) struct WeatheredObjects {
    pub(crate) inner: Arc<MemoryObjectStore>,
    pub(crate) seam: Seam,
}

#[async_trait]
impl ObjectStore for WeatheredObjects {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        self.seam.pass("object put", self.inner.put(key, bytes)).await
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        self.seam.world.note_bytes(key, &bytes);
        self.seam.pass("object put if absent", self.inner.put_if_absent(key, bytes)).await
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        self.seam.pass("object get", self.inner.get(key, most)).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        self.seam.pass("object list", self.inner.list(prefix, after, limit)).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        self.seam.pass("object delete", self.inner.delete(key)).await
    }
}

/// A visibility store whose every call is a step of the world.
pub(crate) struct WeatheredVisibility {
    pub(crate) inner: Arc<MemoryVisibility>,
    pub(crate) seam: Seam,
}

#[async_trait]
impl VisibilityStore for WeatheredVisibility {
    async fn upsert(&self, records: &[VisibilityRecord]) -> Result<(), VisibilityError> {
        for VisibilityRecord { id, position, .. } in records {
            self.seam.world.note(format_args!("{id:?} at {position}"));
        }
        self.seam.pass("visibility upsert", self.inner.upsert(records)).await
    }

    async fn delete(&self, deletions: &[Deletion]) -> Result<(), VisibilityError> {
        self.seam.pass("visibility delete", self.inner.delete(deletions)).await
    }

    async fn end_tombstones(&self, before_ms: i64, limit: usize) -> Result<usize, VisibilityError> {
        self.seam.pass("visibility end tombstones", self.inner.end_tombstones(before_ms, limit)).await
    }

    async fn delete_namespace(&self, namespace_id: Uuid, limit: usize) -> Result<usize, VisibilityError> {
        self.seam.pass("visibility delete namespace", self.inner.delete_namespace(namespace_id, limit)).await
    }

    async fn list(&self, request: ListRequest<'_>) -> Result<Page, VisibilityError> {
        self.seam.pass("visibility list", self.inner.list(request)).await
    }

    async fn count(
        &self,
        namespace_id: Uuid,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, VisibilityError> {
        self.seam.pass("visibility count", self.inner.count(namespace_id, predicate, group_by)).await
    }
}
