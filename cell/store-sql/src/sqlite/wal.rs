//! Keeps the write-ahead log short.

use super::options::{PAGE_BYTES, SqliteOptions};
use parking_lot::Mutex;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinHandle;

/// Copies the log into the database beside the writer each time it has grown by the soft bound, so that
/// commits need not wait for it. The writer's own bound (SQLite's automatic checkpoint) is the hard one.
pub(super) struct WalKeeper {
    options: SqliteOptions,
    /// Estimated bytes of log since the last copy began.
    grown: AtomicU64,
    copy: Mutex<Copy>,
}

enum Copy {
    Idle,
    Running(JoinHandle<()>),
    Closed,
}

impl WalKeeper {
    pub(super) fn new(options: &SqliteOptions) -> Arc<WalKeeper> {
        let options = options.clone();
        Arc::new(WalKeeper { options, grown: AtomicU64::new(0), copy: Mutex::new(Copy::Idle) })
    }

    /// Notes a commit. The log takes whole pages: about one a row, and what the bytes fill.
    pub(super) fn grown(self: &Arc<WalKeeper>, rows: usize, bytes: usize) {
        let estimate = (rows as u64 + 2) * PAGE_BYTES + bytes as u64;
        let grown = self.grown.fetch_add(estimate, Ordering::Relaxed) + estimate;
        if grown < self.options.wal_soft_bytes {
            return;
        }
        let mut copy = self.copy.lock();
        let free = match &*copy {
            Copy::Idle => true,
            Copy::Running(task) => task.is_finished(),
            Copy::Closed => false,
        };
        if free {
            self.grown.store(0, Ordering::Relaxed);
            let keeper = self.clone();
            *copy = Copy::Running(tokio::spawn(async move { keeper.copy_log().await }));
        }
    }

    async fn copy_log(&self) {
        let copied = async {
            let mut connection: SqliteConnection = self.options.writing(false).connect().await?;
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await?;
            connection.close().await
        };
        if let Err(error) = copied.await {
            // Not urgent: the writer copies the log itself when it reaches the hard bound.
            tracing::warn!(path = %self.options.path.display(), %error, "write-ahead log was not copied");
        }
    }

    /// Waits for a copy that runs; starts no other.
    pub(super) async fn close(&self) {
        let copy = std::mem::replace(&mut *self.copy.lock(), Copy::Closed);
        if let Copy::Running(task) = copy {
            let _ = task.await;
        }
    }
}
