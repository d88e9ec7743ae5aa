//! Reads that end: after some seconds, and when nobody waits for them any more.
//!
//! All namespaces share few readers, and a filter can make one statement go through millions of records. A statement
//! that has begun goes on in its connection's thread whatever becomes of who asked, unless SQLite is told to stop.

use super::visibility_error;
use crate::sqlite::error::store_error;
use cell_store::StoreError;
use cell_visibility::VisibilityError;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a list or a count may take once it has a reader.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Steps of SQLite's machine between two looks at whether to go on: well under a millisecond. What ends a transaction
/// takes fewer and is never stopped.
const STEPS: i32 = 10_000;

/// Whose statements stop when this is dropped before its read has ended.
pub(super) struct Bound {
    stop: Arc<AtomicBool>,
    ended: bool,
}

/// A reader, whose statements stop with `Bound`.
pub(super) async fn reader(readers: &SqlitePool) -> Result<(PoolConnection<Sqlite>, Bound), VisibilityError> {
    let failed = |error| visibility_error(store_error(error));
    let mut connection = readers.acquire().await.map_err(failed)?;
    let bound = Bound { stop: Arc::default(), ended: false };
    let stop = Arc::clone(&bound.stop);
    // In place of that of an earlier read.
    let mut handle = connection.lock_handle().await.map_err(failed)?;
    handle.set_progress_handler(STEPS, move || !stop.load(Ordering::Relaxed));
    drop(handle);
    Ok((connection, bound))
}

impl Bound {
    /// Waits for a read, but not for longer than that.
    pub(super) async fn within<T>(
        mut self,
        longest: Duration,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, VisibilityError> {
        let outcome = tokio::time::timeout(longest, read).await;
        self.ended = outcome.is_ok();
        outcome.map_err(|_| VisibilityError::TooSlow(longest.as_secs()))?.map_err(visibility_error)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.stop.store(!self.ended, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteVisibility;
    use crate::sqlite::options::SqliteOptions;
    use cell_visibility::{ListRequest, Predicate, VisibilityStore};
    use uuid::Uuid;

    /// Longer than a reader takes to stop, and shorter than anybody would wait for what never ends.
    const PATIENCE: Duration = Duration::from_secs(60);

    const ENDLESS: &str =
        "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up) SELECT count(*) FROM up";

    async fn endless(store: &SqliteVisibility, longest: Duration) -> Result<(), VisibilityError> {
        let (mut connection, bound) = reader(&store.database.readers).await?;
        let read =
            async { sqlx::query(ENDLESS).fetch_one(&mut *connection).await.map(drop).map_err(store_error) };
        bound.within(longest, read).await
    }

    async fn lists(store: &SqliteVisibility) {
        let all = Predicate::all();
        let request = ListRequest { namespace_id: Uuid::nil(), predicate: &all, page_size: 1, after: None };
        let page = tokio::time::timeout(PATIENCE, store.list(request)).await.expect("the reader is free");
        assert!(page.expect("lists").records.is_empty());
    }

    #[tokio::test]
    async fn what_takes_too_long_and_what_nobody_waits_for_gives_its_reader_back() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options =
            SqliteOptions { readers: 1, ..SqliteOptions::new(directory.path().join("visibility.db")) };
        let store = SqliteVisibility::connect(options).await.expect("a store");
        let slow = endless(&store, Duration::from_secs(1)).await;
        assert_eq!(slow, Err(VisibilityError::TooSlow(1)));
        lists(&store).await;
        let gone = tokio::time::timeout(Duration::from_millis(200), endless(&store, LONGEST)).await;
        assert!(gone.is_err(), "nobody waits any more");
        lists(&store).await;
        store.close().await;
    }
}
