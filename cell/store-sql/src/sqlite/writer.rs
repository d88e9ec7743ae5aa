//! The one connection that writes.

use super::error::{is_harmless, refused, store_error};
use super::options::SqliteOptions;
use cell_store::StoreError;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

/// Hands out the writing connection to one caller at a time, and replaces it where it may have been left in
/// an unknown state: after an error, and after a caller that was gone in the middle of a transaction.
pub(super) struct Writer {
    slot: Mutex<Slot>,
    options: SqliteOptions,
}

enum Slot {
    /// Outside of any transaction.
    Idle(SqliteConnection),
    /// Somewhere in a transaction.
    Busy(SqliteConnection),
    /// To be opened again with the next write.
    Lost,
    Closed,
}

/// The writing connection, held.
pub(super) struct Writing<'a> {
    slot: MutexGuard<'a, Slot>,
}

/// Why a piece of work on the connection ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// SQLite's answer.
    Sql(sqlx::Error),
    /// The call is refused; the connection is as good as before.
    Refused(StoreError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        Failure::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Refused(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> StoreError {
        match failure {
            Failure::Sql(error) => store_error(error),
            Failure::Refused(error) => error,
        }
    }
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, options: SqliteOptions) -> Writer {
        Writer { slot: Mutex::new(Slot::Idle(connection)), options }
    }

    /// Waits for its turn. Within it, a connection outside of any transaction.
    pub(super) async fn hold(&self) -> Result<Writing<'_>, StoreError> {
        let mut slot = self.slot.lock().await;
        if let Slot::Busy(_) = *slot {
            // Closing waits for what was still under way, and undoes it.
            close(&mut slot, Slot::Lost).await;
        }
        match &*slot {
            Slot::Closed => return Err(StoreError::Unavailable("the store is closed".to_owned())),
            Slot::Lost => {
                let mut connection = self.options.writing().connect().await.map_err(store_error)?;
                self.options.durability().check(&mut connection).await.map_err(refused)?;
                *slot = Slot::Idle(connection);
            }
            Slot::Idle(_) | Slot::Busy(_) => {}
        }
        Ok(Writing { slot })
    }

    /// Waits for the current write and closes the connection.
    pub(super) async fn close(&self) {
        close(&mut *self.slot.lock().await, Slot::Closed).await;
    }
}

async fn close(slot: &mut Slot, next: Slot) {
    if let Slot::Idle(connection) | Slot::Busy(connection) = std::mem::replace(slot, next) {
        // Everything acknowledged is synced: a close that fails loses nothing.
        let _ = connection.close().await;
    }
}

impl Writing<'_> {
    /// For a single statement, which is a transaction of its own.
    pub(super) fn statement(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        match &mut *self.slot {
            Slot::Idle(connection) | Slot::Busy(connection) => Ok(connection),
            Slot::Lost | Slot::Closed => Err(StoreError::Unavailable("the connection was lost".to_owned())),
        }
    }

    /// For a transaction: until [`Writing::finish`] the connection counts as half-way in it.
    pub(super) fn transaction(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        *self.slot = match std::mem::replace(&mut *self.slot, Slot::Lost) {
            Slot::Idle(connection) => Slot::Busy(connection),
            other => other,
        };
        self.statement()
    }

    /// Ends the hold; a failure that may have left the connection half-way costs it.
    pub(super) fn finish<T>(mut self, result: Result<T, Failure>) -> Result<T, StoreError> {
        let usable = match &result {
            Ok(_) => true,
            Err(Failure::Refused(_)) => true,
            Err(Failure::Sql(error)) => is_harmless(error),
        };
        *self.slot = match std::mem::replace(&mut *self.slot, Slot::Lost) {
            Slot::Idle(connection) | Slot::Busy(connection) if usable => Slot::Idle(connection),
            Slot::Idle(connection) | Slot::Busy(connection) => Slot::Busy(connection),
            other => other,
        };
        result.map_err(StoreError::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{database::Database, schema::CELL};
    use sqlx::Row;

    async fn run(writer: &Writer, sql: &'static str) -> Result<(), StoreError> {
        let mut writing = writer.hold().await?;
        let done = sqlx::query(sql).execute(writing.statement()?).await.map(drop).map_err(Failure::from);
        writing.finish(done)
    }

    /// Begins a transaction on the held connection.
    async fn begin(writing: &mut Writing<'_>) {
        let connection = writing.transaction().expect("the connection");
        sqlx::raw_sql("BEGIN IMMEDIATE; DELETE FROM shard").execute(connection).await.expect("begun");
    }

    async fn database(directory: &tempfile::TempDir) -> Database {
        let options = SqliteOptions::new(directory.path().join("cell.db"));
        let database = Database::open(options, &CELL).await.expect("a database");
        run(&database.writer, "INSERT INTO shard VALUES (1, 0, 0, x'')").await.expect("a row");
        database
    }

    /// Temporary tables live as long as their connection.
    const MARK: &str = "CREATE TEMP TABLE mark (x)";
    const READ_MARK: &str = "SELECT * FROM temp.mark";

    #[tokio::test]
    async fn the_connection_is_kept_after_success_and_harmless_failure() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let writer = &database(&directory).await.writer;
        run(writer, MARK).await.expect("the mark");
        run(writer, "INSERT INTO shard VALUES (1, 0, 0, x'')").await.expect_err("the key is taken");
        let mut writing = writer.hold().await.expect("the connection");
        writing.transaction().expect("the connection");
        writing.finish(Ok(())).expect("success");
        run(writer, READ_MARK).await.expect("still the same connection");
    }

    #[tokio::test]
    async fn the_connection_is_replaced_after_any_other_failure() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let writer = &database(&directory).await.writer;
        run(writer, MARK).await.expect("the mark");
        let mut writing = writer.hold().await.expect("the connection");
        begin(&mut writing).await;
        writing.finish::<()>(Err(sqlx::Error::WorkerCrashed.into())).expect_err("a failure");
        run(writer, READ_MARK).await.expect_err("another connection");
    }

    #[tokio::test]
    async fn a_transaction_whose_caller_is_gone_is_undone() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let database = database(&directory).await;
        let mut writing = database.writer.hold().await.expect("the connection");
        begin(&mut writing).await;
        drop(writing);
        let mut writing = database.writer.hold().await.expect("a connection");
        let connection = writing.statement().expect("a connection");
        let row = sqlx::query("SELECT count(*) FROM shard").fetch_one(connection).await.expect("a count");
        assert_eq!(row.get::<i64, _>(0), 1, "nothing of it stands");
        run_held(writing).await;
    }

    async fn run_held(mut writing: Writing<'_>) {
        let connection = writing.statement().expect("a connection");
        let done = sqlx::query("DELETE FROM shard").execute(connection).await;
        writing
            .finish(done.map(drop).map_err(Failure::from))
            .expect("the next write is not in its transaction");
    }
}
