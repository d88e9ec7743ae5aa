//! A copy of a database that another process may be using.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::beside::beside;
use crate::error::Refusal;
use crate::file::reading;
use crate::schema::Schema;
use crate::{header, migrate};

/// Steps of SQLite's machine between two looks at the write-ahead log: some milliseconds.
const STEPS: i32 = 50_000;

/// Why there is no copy. What was written of it is to be removed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The file is none that may be copied, or SQLite failed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too much was written to the database meanwhile.
    #[error("its write-ahead log grew by more than {most} bytes while it was copied")]
    GrewTooMuch {
        /// By how many bytes it may grow.
        most: u64,
    },
    /// The new file cannot be named to SQLite.
    #[error("the path of the copy is no UTF-8")]
    Path,
}

/// Writes the database into a new file, as it is at one moment; what is committed after that is not in it. The copy is
/// whole and small: it has no free pages and no write-ahead log, and is not synced.
///
/// The database may be served meanwhile, by whoever: this reads beside it, takes none of its locks and waits for none.
/// But its write-ahead log is not begun anew as long as this reads it. Where it grows by more than `most_growth` bytes
/// this gives up. `into` must not exist, and has to be on a disk with room for the whole database.
pub async fn copy(path: &Path, into: &Path, schema: &Schema, most_growth: u64) -> Result<(), CopyError> {
    let into = into.to_str().ok_or(CopyError::Path)?;
    let Some(claim) = header::read(path)? else {
        let error = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no database");
        return Err(Refusal::Unreadable(error).into());
    };
    schema.applied(claim)?;
    let mut connection = reading(path).connect().await.map_err(Refusal::from)?;
    let copied = copied(&mut connection, path, into, schema, most_growth).await;
    // It has read: nothing is lost with it.
    let _ = connection.close().await;
    copied
}

async fn copied(
    connection: &mut SqliteConnection,
    path: &Path,
    into: &str,
    schema: &Schema,
    most_growth: u64,
) -> Result<(), CopyError> {
    // Commits that stand in the log only may have changed the claim.
    migrate::claim(connection).await.and_then(|claim| schema.applied(claim))?;
    let log = beside(path, "-wal");
    let length = move || std::fs::metadata(&log).map_or(0, |found| found.len());
    let most_length = length().saturating_add(most_growth);
    let grew = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&grew);
    let mut handle = connection.lock_handle().await.map_err(Refusal::from)?;
    handle.set_progress_handler(STEPS, move || {
        let goes_on = length() <= most_length;
        seen.fetch_or(!goes_on, Ordering::Relaxed);
        goes_on
    });
    drop(handle);
    let done = sqlx::query("VACUUM INTO ?").bind(into).execute(connection).await;
    if grew.load(Ordering::Relaxed) {
        return Err(CopyError::GrewTooMuch { most: most_growth });
    }
    Ok(done.map(drop).map_err(Refusal::from)?)
}
