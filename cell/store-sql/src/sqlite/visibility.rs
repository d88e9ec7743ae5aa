//! Visibility on SQLite, in a file of its own.

mod bounded;
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
use atoll_sqlite::CopyError;
use cell_store::StoreError;
use cell_visibility::{
    Attribute, Count, Deletion, ListRequest, Page, Predicate, VisibilityError, VisibilityRecord,
    VisibilityStore,
};
use std::path::Path;
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

    /// Writes the lists of a cell, which may be serving, into a new file: see [`atoll_sqlite::copy()`].
    pub async fn copy(path: &Path, into: &Path, most_growth: u64) -> Result<(), CopyError> {
        atoll_sqlite::copy(path, into, &VISIBILITY, most_growth).await
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
        let (mut connection, bound) = bounded::reader(&self.database.readers).await?;
        bound.within(bounded::LONGEST, read::list(&mut connection, request)).await
    }

    async fn count(
        &self,
        namespace_id: Uuid,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, VisibilityError> {
        let (mut connection, bound) = bounded::reader(&self.database.readers).await?;
        let count = read::count(&mut connection, namespace_id, predicate, group_by);
        bound.within(bounded::LONGEST, count).await
    }
}

fn visibility_error(error: StoreError) -> VisibilityError {
    match error {
        StoreError::Corrupt(why) => VisibilityError::Corrupt(why),
        other => VisibilityError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_sqlite::Schema;
    use cell_visibility::RecordId;

    const NAMESPACE: Uuid = Uuid::from_u128(0xa);

    /// A file as it was before records had names: one open run, and the tombstone of another.
    async fn first_form(options: &SqliteOptions) {
        let first = Schema { migrations: &VISIBILITY.migrations[..1], ..VISIBILITY };
        let database = Database::open(options.clone(), &first).await.expect("a database");
        let mut writing = database.writer.hold().await.expect("a writer");
        let rows = sqlx::raw_sql(
            "INSERT INTO record (namespace_id, run_id, position, close_rank, start_rank, workflow_id, workflow_type, \
             task_queue, status, start_time, execution_time, memo) \
             VALUES (x'0000000000000000000000000000000a', '00000000-0000-0000-0000-000000000001', 5, \
             ~9223372036854775807, ~7, 'w', 't', 'q', 'Running', 7, 7, x''); \
             INSERT INTO tombstone (namespace_id, run_id, position, at_ms) \
             VALUES (x'0000000000000000000000000000000a', '00000000-0000-0000-0000-000000000002', 9, 1);",
        );
        let written = rows.execute(writing.statement().expect("a connection")).await;
        written.expect("rows of the first form");
        drop(writing);
        database.close().await;
    }

    #[tokio::test]
    async fn a_file_of_the_first_form_keeps_its_runs_and_tombstones() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("visibility.db"));
        first_form(&options).await;
        let store = SqliteVisibility::connect(options).await.expect("a store");
        let all = Predicate::all();
        let list = || ListRequest { namespace_id: NAMESPACE, predicate: &all, page_size: 10, after: None };
        let kept = store.list(list()).await.expect("lists").records;
        assert_eq!(
            kept.iter().map(|it| it.id.clone()).collect::<Vec<_>>(),
            [RecordId::Run(Uuid::from_u128(1))]
        );
        let at = |position| VisibilityRecord {
            id: RecordId::Run(Uuid::from_u128(2)),
            position,
            ..kept[0].clone()
        };
        store.upsert(&[at(9)]).await.expect("upserts");
        assert_eq!(store.list(list()).await.expect("lists").records, kept, "it was deleted");
        store.upsert(&[at(10)]).await.expect("upserts");
        assert_eq!(
            store.list(list()).await.expect("lists").records.len(),
            2,
            "the tombstone names it by its run"
        );
        store.close().await;
    }
}
