//! From a path to a connection that may write.
//!
//! For those whose connections are not [`Database`](crate::Database)'s. They hold the file's
//! [lock](crate::DatabaseLock) meanwhile.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::beside::is_written;
use crate::durable::{BUSY_TIMEOUT, Durability, use_write_ahead_log};
use crate::error::Refusal;
use crate::schema::Schema;
use crate::{header, migrate, witness};

/// Judges a file. Answers a connection that can only read, or none where there is no database yet: no file, or one
/// whose creation never committed. Refused is what [`open`] would refuse for what it is, and where there was a database
/// and is none.
///
/// Neither the file nor its write-ahead log is written. A log that a crash left is read through SQLite's index of it
/// (`-shm`), which is made or rebuilt where it has to be, and holds nothing of its own.
pub async fn look(path: &Path, schema: &Schema) -> Result<Option<SqliteConnection>, Refusal> {
    let Some(claim) = header::read(path)? else {
        witness::refuse_if_lost(path)?;
        return Ok(None);
    };
    schema.applied(claim)?;
    if is_written(path, "-journal") {
        // A first start that did not commit: it will be rolled back to nothing.
        return Ok(None);
    }
    // Without a log the file is all there is: it is then read without locks and without that index, so that no file is
    // made.
    let alone = !is_written(path, "-wal");
    let mut connection = reading(path).immutable(alone).connect().await?;
    // Commits that stand in the log only may have changed the claim.
    match migrate::claim(&mut connection).await.and_then(|claim| schema.applied(claim)) {
        Ok(_) => Ok(Some(connection)),
        Err(refusal) => {
            connection.close().await?;
            Err(refusal)
        }
    }
}

/// Makes the file a database of the newest schema with a write-ahead log, and answers the connection that did it: one
/// of `options`, which must name the same path. What is foreign or newer is refused before anything is written.
///
/// A new file becomes a whole database in one transaction of the rollback journal. Only then does it get a write-ahead
/// log, so that its header says from the first moment on what it is. A crash leaves the old schema or the new one.
pub async fn open(
    path: &Path,
    options: SqliteConnectOptions,
    schema: &Schema,
    durability: Durability,
) -> Result<SqliteConnection, Refusal> {
    let is_new = match look(path, schema).await? {
        Some(found) => {
            found.close().await?;
            false
        }
        None => true,
    };
    let mut connection = options.create_if_missing(true).connect().await?;
    let prepared = prepare(&mut connection, schema, durability).await;
    let durable = prepared.and_then(|()| if is_new { sync_folder(path) } else { Ok(()) });
    match durable {
        Ok(()) => Ok(connection),
        Err(refusal) => {
            // It is refused for the first reason; a close that fails has nothing to add.
            let _ = connection.close().await;
            Err(refusal)
        }
    }
}

async fn prepare(
    connection: &mut SqliteConnection,
    schema: &Schema,
    durability: Durability,
) -> Result<(), Refusal> {
    durability.check(connection).await?;
    migrate::migrate(connection, schema).await?;
    use_write_ahead_log(connection).await
}

/// Makes a new file's name durable.
fn sync_folder(path: &Path) -> Result<(), Refusal> {
    let path = path.canonicalize().map_err(Refusal::Unreadable)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Refusal::Unreadable)
}

/// A connection that cannot write.
pub(crate) fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).read_only(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel has no way to sync the folder of this file, and says so to whoever asks for it.
    #[test]
    fn the_sync_of_a_folder_is_the_kernels() {
        sync_folder(Path::new("/proc/self/status")).expect_err("it was asked");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cell.db");
        std::fs::write(&file, b"").expect("written");
        sync_folder(&file).expect("a folder can be synced");
    }
}
