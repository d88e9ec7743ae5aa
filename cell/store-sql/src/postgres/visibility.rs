//! Visibility on PostgreSQL, in a database of its own.
//!
//! A record and its tombstone are one row, which all who write them meet at: whatever comes at the same time, the
//! greatest position stays. Rows of its attributes belong to a version of the record, and go with the next one. Where
//! two write one record at once the later of them may leave rows of the version before, which are found by nobody and
//! go with the version after. So a write is one statement and one commit, and its repetition does nothing.
//!
//! A list or a count is a statement in a transaction that writes nothing. The server ends it after
//! [`atoll_postgres::Limits::statement`], and within [`atoll_postgres::CALLER_LOOK`] where its caller has gone: a call
//! that is dropped closes its connection.

mod attributes;
mod encoding;
mod filter;
mod owner;
mod read;
mod row;
mod statements;
mod write;

use super::database::prepare;
use super::inspect;
use super::schema::VISIBILITY;
use async_trait::async_trait;
use atoll_postgres::{Connections, PostgresOptions};
use cell_store::StoreError;
use cell_visibility::{
    Attribute, Count, Deletion, ListRequest, Page, Predicate, VisibilityError, VisibilityRecord,
    VisibilityStore,
};
use std::sync::Arc;
use uuid::Uuid;

/// Connections that write: few, for a call may write many records.
const WRITING: usize = 2;
/// Connections that list and count. Each is busy until its statement ends.
const READING: usize = 8;

/// A cell's visibility records in one PostgreSQL database. Clones share its connections.
#[derive(Clone)]
pub struct PostgresVisibility {
    database: Arc<Database>,
}

struct Database {
    writing: Connections,
    reading: Connections,
}

impl PostgresVisibility {
    /// Makes the tables in an empty database, or brings them up to date, and refuses what
    /// [`crate::PostgresStore::connect`] refuses. A database that holds anything else is refused: that of a cell, too.
    pub async fn connect(options: PostgresOptions) -> Result<PostgresVisibility, StoreError> {
        prepare(&options, &VISIBILITY).await?;
        let connections = |count| Connections::new(options.clone(), count);
        let database = Database { writing: connections(WRITING), reading: connections(READING) };
        Ok(PostgresVisibility { database: Arc::new(database) })
    }

    /// Refuses a database that [`PostgresVisibility::connect`] and [`PostgresVisibility::claim`] would refuse for what
    /// it holds, and writes nothing; see [`crate::PostgresStore::inspect`]. Answers whether there are lists: an empty
    /// database has none.
    pub async fn inspect(options: &PostgresOptions, cell: &str) -> Result<bool, StoreError> {
        let holds = inspect::holds(options, &VISIBILITY).await?;
        if holds {
            owner::look(options, cell).await?;
        }
        Ok(holds)
    }

    /// Claims the lists for a cell, for good. Answers `Unsafe` where they are another cell's; then nothing has changed.
    pub async fn claim(&self, cell: &str) -> Result<(), StoreError> {
        owner::claim(&self.database, cell).await
    }

    /// Ends with `Unsafe` when the server has been told to lose what it commits. A server that is away is waited for.
    pub async fn lost(&self) -> StoreError {
        owner::lost(&self.database).await
    }

    /// Closes the connections, those in use with the end of their calls; later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.database.writing.close().await;
        self.database.reading.close().await;
    }
}

#[async_trait]
impl VisibilityStore for PostgresVisibility {
    async fn upsert(&self, records: &[VisibilityRecord]) -> Result<(), VisibilityError> {
        write::upsert(&self.database.writing, records).await
    }

    async fn delete(&self, deletions: &[Deletion]) -> Result<(), VisibilityError> {
        write::delete(&self.database.writing, deletions).await
    }

    async fn end_tombstones(&self, before_ms: i64, limit: usize) -> Result<usize, VisibilityError> {
        write::end_tombstones(&self.database.writing, before_ms, limit).await
    }

    async fn delete_namespace(&self, namespace_id: Uuid, limit: usize) -> Result<usize, VisibilityError> {
        write::delete_namespace(&self.database.writing, namespace_id, limit).await
    }

    async fn list(&self, request: ListRequest<'_>) -> Result<Page, VisibilityError> {
        read::list(&self.database.reading, request).await
    }

    async fn count(
        &self,
        namespace_id: Uuid,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, VisibilityError> {
        read::count(&self.database.reading, namespace_id, predicate, group_by).await
    }
}

fn visibility_error(error: StoreError) -> VisibilityError {
    match error {
        StoreError::Corrupt(why) => VisibilityError::Corrupt(why),
        other => VisibilityError::Unavailable(other.to_string()),
    }
}
