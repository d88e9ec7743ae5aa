//! How a SQLite file is used.

use atoll_sqlite::Durability;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use std::path::PathBuf;
use std::time::Duration;

/// When a commit counts as done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Synchronous {
    /// When it would survive the loss of power.
    #[default]
    Full,
    /// When the operating system has it. Only with `allow_unsafe`.
    Off,
}

/// A SQLite file and how to use it. The defaults are safe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqliteOptions {
    /// The database file. Beside it SQLite keeps `-wal` and `-shm`.
    pub path: PathBuf,
    /// When a commit counts as done.
    pub synchronous: Synchronous,
    /// Start also where a commit would not survive the loss of power: for tests that say so.
    pub allow_unsafe: bool,
    /// Connections that read beside the writer; one more confirms ownership.
    pub readers: u32,
    /// How long a statement waits for another process's lock.
    pub busy_timeout: Duration,
    /// Page cache of each connection, KiB.
    pub cache_kib: u32,
    /// Size of the write-ahead log, in bytes, from which a commit copies it into the database. A larger one
    /// copies pages that change often less often, and makes the rare commit that copies slower.
    pub wal_bytes: u64,
    /// Most bytes that the database may take; a write beyond answers `Full`.
    pub max_bytes: Option<u64>,
}

/// Bytes of a page. Rows of a few kilobytes fit without an overflow page; a commit writes whole pages.
pub(super) const PAGE_BYTES: u64 = 4096;

/// Prepared statements a connection keeps: all of ours, also at every size of the batched ones.
const STATEMENT_CACHE: usize = 512;

impl SqliteOptions {
    /// The file at `path`, used safely.
    pub fn new(path: impl Into<PathBuf>) -> SqliteOptions {
        SqliteOptions {
            path: path.into(),
            synchronous: Synchronous::Full,
            allow_unsafe: false,
            readers: 2,
            busy_timeout: Duration::from_secs(5),
            cache_kib: 16 * 1024,
            wal_bytes: 16 << 20,
            max_bytes: None,
        }
    }

    fn connection(&self) -> SqliteConnectOptions {
        let cache = -i64::from(self.cache_kib);
        SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(self.busy_timeout)
            .foreign_keys(false)
            .statement_cache_capacity(STATEMENT_CACHE)
            .pragma("cache_size", cache.to_string())
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging()
    }

    /// What every connection that writes must promise.
    pub(super) fn durability(&self) -> Durability {
        if self.allow_unsafe { Durability::Process } else { Durability::Power }
    }

    /// A connection that writes to a file that is there.
    pub(super) fn writing(&self) -> SqliteConnectOptions {
        let synchronous = match self.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Off => SqliteSynchronous::Off,
        };
        let mut options = self
            .connection()
            .page_size(PAGE_BYTES as u32)
            .synchronous(synchronous)
            .pragma("wal_autocheckpoint", (self.wal_bytes / PAGE_BYTES).to_string())
            .pragma("journal_size_limit", self.wal_bytes.to_string())
            .pragma("fullfsync", "ON")
            .pragma("checkpoint_fullfsync", "ON");
        if let Some(bytes) = self.max_bytes {
            options = options.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string());
        }
        options
    }

    /// A connection that only reads.
    pub(super) fn reading(&self) -> SqliteConnectOptions {
        self.connection().pragma("query_only", "ON")
    }
}
