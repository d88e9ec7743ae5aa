//! The one connection that writes.

use super::database::assert_synced;
use super::error::{is_harmless, store_error};
use super::options::SqliteOptions;
use super::wal::WalKeeper;
use cell_store::StoreError;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// Hands out the writing connection to one caller at a time, and replaces it where it may have been left in
/// an unknown state: after an error, and after a caller that was gone in the middle of a transaction.
pub(super) struct Writer {
    slot: Mutex<Slot>,
    options: SqliteOptions,
    wal: Arc<WalKeeper>,
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
    wal: &'a Arc<WalKeeper>,
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

impl Writer {
    pub(super) fn new(connection: SqliteConnection, options: SqliteOptions, wal: Arc<WalKeeper>) -> Writer {
        Writer { slot: Mutex::new(Slot::Idle(connection)), options, wal }
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
                let mut connection = self.options.writing(false).connect().await.map_err(store_error)?;
                assert_synced(&mut connection, &self.options).await?;
                *slot = Slot::Idle(connection);
            }
            Slot::Idle(_) | Slot::Busy(_) => {}
        }
        Ok(Writing { slot, wal: &self.wal })
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
        if let Slot::Idle(connection) = std::mem::replace(&mut *self.slot, Slot::Lost) {
            *self.slot = Slot::Busy(connection);
        }
        self.statement()
    }

    /// Ends the hold: what was done stands, about `bytes` in `rows` rows, or it has failed.
    pub(super) fn finish<T>(
        mut self,
        result: Result<T, Failure>,
        rows: usize,
        bytes: usize,
    ) -> Result<T, StoreError> {
        let usable = match &result {
            Ok(_) => true,
            Err(Failure::Refused(_)) => true,
            Err(Failure::Sql(error)) => is_harmless(error),
        };
        if usable && let Slot::Busy(connection) = std::mem::replace(&mut *self.slot, Slot::Lost) {
            *self.slot = Slot::Idle(connection);
        } else if !usable && let Slot::Idle(connection) = std::mem::replace(&mut *self.slot, Slot::Lost) {
            *self.slot = Slot::Busy(connection);
        }
        match result {
            Ok(answer) => {
                self.wal.grown(rows, bytes);
                Ok(answer)
            }
            Err(Failure::Sql(error)) => Err(store_error(error)),
            Err(Failure::Refused(error)) => Err(error),
        }
    }
}
