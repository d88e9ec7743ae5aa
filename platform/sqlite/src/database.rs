//! An open database.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, Transaction};

use crate::durable::{BUSY_TIMEOUT, Durability};
use crate::error::{OpenError, Refusal};
use crate::file::{self, reading};
use crate::lock::{DatabaseLock, LOOK_EVERY};
use crate::schema::Schema;

/// Connections that read. Reads are short, so that few keep up with many callers.
const READERS: u32 = 4;

/// A database that is ours alone, of the newest schema, and durable. Clones share its connections.
///
/// Errors of its calls are SQLite's: disk, lock or corruption. A transaction that failed has changed nothing, unless it
/// was its commit that failed: then nobody knows.
#[derive(Debug, Clone)]
pub struct Database {
    /// What it is called, and where it is, for messages.
    named: Arc<(&'static str, PathBuf)>,
    writer: SqlitePool,
    readers: SqlitePool,
    lock: Arc<Held>,
}

/// The file's lock until the database is closed. Connections of a database that is dropped without that close at some
/// time later, and need SQLite's locks until then, which would go with this one: it is then held until the process
/// ends.
#[derive(Debug)]
struct Held(Mutex<Option<DatabaseLock>>);

impl Held {
    fn new(lock: DatabaseLock) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(lock))))
    }

    fn stands(&self) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_none_or(DatabaseLock::stands)
    }

    fn take(&self) -> Option<DatabaseLock> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        std::mem::forget(self.take());
    }
}

impl Database {
    /// Opens the file, making it where there is none (its folder must exist), and brings its schema up to date. A file
    /// that another process uses, or that is foreign or newer, is refused before anything is written. A crash leaves
    /// the old schema or the new one.
    pub async fn open(path: &Path, schema: &Schema) -> Result<Self, OpenError> {
        let opened = open(path, schema).await;
        opened.map_err(|refusal| OpenError { name: schema.name, path: path.to_owned(), refusal })
    }

    /// Refuses a file that [`open`](Self::open) would refuse for what it is, or for who uses it. Changes neither it nor
    /// its write-ahead log; that there is none is fine.
    pub async fn inspect(path: &Path, schema: &Schema) -> Result<(), OpenError> {
        let looked = inspect(path, schema).await;
        looked.map_err(|refusal| OpenError { name: schema.name, path: path.to_owned(), refusal })
    }

    /// A connection for one reading statement. It cannot write.
    pub async fn read(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        self.readers.acquire().await
    }

    /// A view for several reading statements, which all see the same moment. It cannot write.
    pub async fn snapshot(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.readers.begin().await
    }

    /// A transaction that writes; there is one at a time. When its commit returns, it is on disk. Dropped without
    /// commit, it changes nothing.
    pub async fn write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        // Takes the lock at once: a transaction that reads first and then finds the lock taken could only fail.
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Ends when the file is no longer the one at its path: see [`DatabaseLock::lost`]. Whoever serves from it has to
    /// stop at once, without another word to anybody: nothing that is written now is kept. Never ends for a closed one.
    pub async fn lost(&self) -> OpenError {
        while self.lock.stands() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (name, path) = &*self.named;
        OpenError { name, path: path.clone(), refusal: Refusal::Replaced }
    }

    /// Lets transactions that run end, closes all connections, and leaves the file to others, which have to wait for
    /// the end of the process otherwise. Later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        drop(self.lock.take());
    }
}

async fn open(path: &Path, schema: &Schema) -> Result<Database, Refusal> {
    let mut lock = DatabaseLock::acquire(path).await?;
    let options = writing(path);
    let first = file::open(path, options.clone(), schema, Durability::Power).await?;
    first.close().await?;
    lock.keep()?;
    let lock = Held::new(lock);
    let writer = pool(1)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let checked = Durability::Power.check(connection).await;
                checked.map_err(|refusal| sqlx::Error::Configuration(refusal.into()))
            })
        })
        .connect_with(options)
        .await?;
    let readers = pool(READERS).connect_with(reading(path)).await?;
    let named = Arc::new((schema.name, path.to_owned()));
    Ok(Database { named, writer, readers, lock })
}

async fn inspect(path: &Path, schema: &Schema) -> Result<(), Refusal> {
    let Some(_lock) = DatabaseLock::of_existing(path).await? else { return Ok(()) };
    match file::look(path, schema).await? {
        Some(found) => Ok(found.close().await?),
        None => Ok(()),
    }
}

fn writing(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // Where a plain sync leaves the data in the disk's cache (macOS).
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON")
}

/// Connections are local: they neither go stale nor away, so that none is asked whether it still lives.
///
/// One is replaced: where SQLite itself rolls a transaction back (a full disk, an I/O error), the driver's own rollback
/// finds none, and its connection counts as within that transaction for ever. No transaction could begin on it again.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}
