//! An open database.

use std::path::Path;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};

use crate::durable::BUSY_TIMEOUT;
use crate::error::{OpenError, Refusal};
use crate::schema::Schema;
use crate::{durable, header, migrate};

/// Connections that read. Reads are short, so that few keep up with many callers.
const READERS: u32 = 4;

/// A database that is ours, of the newest schema, and durable. Clones share its connections.
///
/// Errors of its calls are SQLite's: disk, lock or corruption. A transaction that failed has changed nothing, unless it was its
/// commit that failed: then nobody knows.
#[derive(Debug, Clone)]
pub struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens the file, making it where there is none (its folder must exist), and brings its schema up to date. A file that is
    /// foreign or newer is refused before anything is written. A crash leaves the old schema or the new one.
    pub async fn open(path: &Path, schema: &Schema) -> Result<Self, OpenError> {
        let opened = open(path, schema).await;
        opened.map_err(|refusal| OpenError { name: schema.name, path: path.to_owned(), refusal })
    }

    /// Refuses a file that [`open`](Self::open) would refuse for what it is. Changes neither it nor its write-ahead log; that
    /// there is none is fine.
    pub async fn inspect(path: &Path, schema: &Schema) -> Result<(), OpenError> {
        let looked = refuse_what_is_not_ours(path, schema).await;
        looked.map(drop).map_err(|refusal| OpenError { name: schema.name, path: path.to_owned(), refusal })
    }

    /// A connection for one reading statement. It cannot write.
    pub async fn read(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        self.readers.acquire().await
    }

    /// A view for several reading statements, which all see the same moment. It cannot write.
    pub async fn snapshot(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.readers.begin().await
    }

    /// A transaction that writes; there is one at a time. When its commit returns, it is on disk. Dropped without commit, it
    /// changes nothing.
    pub async fn write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        // Takes the lock at once: a transaction that reads first and then finds the lock taken could only fail.
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Lets transactions that run end, and closes all connections. Later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn open(path: &Path, schema: &Schema) -> Result<Database, Refusal> {
    let is_new = refuse_what_is_not_ours(path, schema).await?;
    let options = writing(path);
    let mut first = options.clone().create_if_missing(true).connect().await?;
    let prepared = prepare(&mut first, schema).await;
    let closed = first.close().await;
    prepared?;
    closed?;
    if is_new {
        sync_folder(path).map_err(Refusal::Unreadable)?;
    }
    let writer = pool(1)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let asserted = durable::assert_synchronous(connection).await;
                asserted.map_err(|refusal| sqlx::Error::Configuration(refusal.into()))
            })
        })
        .connect_with(options)
        .await?;
    let readers = pool(READERS).connect_with(reading(path)).await?;
    Ok(Database { writer, readers })
}

/// Judges the file without changing it, its write-ahead log included. Answers whether it is new.
async fn refuse_what_is_not_ours(path: &Path, schema: &Schema) -> Result<bool, Refusal> {
    let Some(claim) = header::read(path)? else { return Ok(true) };
    schema.applied(claim)?;
    if header::has_log(path) {
        let mut connection = reading(path).connect().await?;
        let claim = migrate::claim(&mut connection).await;
        connection.close().await?;
        schema.applied(claim?)?;
    }
    Ok(false)
}

/// A new file becomes a whole database in one transaction of the rollback journal. Only then does it get a write-ahead log, so
/// that its header says from the first moment on what it is.
async fn prepare(connection: &mut sqlx::SqliteConnection, schema: &Schema) -> Result<(), Refusal> {
    durable::assert_synchronous(connection).await?;
    migrate::migrate(connection, schema).await?;
    durable::use_write_ahead_log(connection).await
}

/// Makes a new file's name durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
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

fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).read_only(true)
}

/// Connections are local: they neither go stale nor away, so that none is asked whether it still lives.
///
/// One is replaced: where SQLite itself rolls a transaction back (a full disk, an I/O error), the driver's own rollback finds none, and
/// its connection counts as within that transaction for ever. No transaction could begin on it again.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}
