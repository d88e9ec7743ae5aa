//! Visibility on SQLite, in a file of its own.

mod filter;
mod read;
mod row;
mod statements;
mod write;

use super::database::Database;
use super::inspect;
use super::options::SqliteOptions;
use super::schema::VISIBILITY;
use async_trait::async_trait;
use cell_store::StoreError;
use cell_visibility::{
    Attribute, Count, Deletion, ListRequest, Page, Predicate, VisibilityError, VisibilityRecord,
    VisibilityStore,
};
use std::sync::Arc;
use uuid::Uuid;

/// A cell's visibility records in one SQLite file. Clones share its connections.
#[derive(Clone)]
pub struct SqliteVisibility {
    database: Arc<Database>,
}

impl SqliteVisibility {
    /// Opens the file or makes it, and refuses what [`crate::SqliteStore::connect`] refuses.
    pub async fn connect(options: SqliteOptions) -> Result<SqliteVisibility, StoreError> {
        Ok(SqliteVisibility { database: Arc::new(Database::open(options, &VISIBILITY).await?) })
    }

    /// Refuses a file that [`SqliteVisibility::connect`] would refuse, and writes nothing; see
    /// [`crate::SqliteStore::inspect`].
    pub async fn inspect(options: &SqliteOptions) -> Result<(), StoreError> {
        inspect::header(&options.path, &VISIBILITY).await
    }

    /// Waits for writes that are under way and closes the file; later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl VisibilityStore for SqliteVisibility {
    async fn upsert(&self, records: &[VisibilityRecord]) -> Result<(), VisibilityError> {
        write::upsert(&self.database, records).await
    }

    async fn delete(&self, deletions: &[Deletion]) -> Result<(), VisibilityError> {
        write::delete(&self.database, deletions).await.map_err(visibility_error)
    }

    async fn end_tombstones(&self, before_ms: i64, limit: usize) -> Result<usize, VisibilityError> {
        write::end_tombstones(&self.database, before_ms, limit).await.map_err(visibility_error)
    }

    async fn delete_namespace(&self, namespace_id: Uuid, limit: usize) -> Result<usize, VisibilityError> {
        write::delete_namespace(&self.database, namespace_id, limit).await.map_err(visibility_error)
    }

    async fn list(&self, request: ListRequest<'_>) -> Result<Page, VisibilityError> {
        read::list(&self.database, request).await.map_err(visibility_error)
    }

    async fn count(
        &self,
        namespace_id: Uuid,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, VisibilityError> {
        read::count(&self.database, namespace_id, predicate, group_by).await.map_err(visibility_error)
    }
}

fn visibility_error(error: StoreError) -> VisibilityError {
    match error {
        StoreError::Corrupt(why) => VisibilityError::Corrupt(why),
        other => VisibilityError::Unavailable(other.to_string()),
    }
}
