//! Where the cell that is killed stores.

use std::sync::Arc;

use atoll_test_postgres::{Server, Settings, Stop};
use tempfile::TempDir;

/// How far checkpoints have come, over all shards: rows of the log that are no longer needed.
const CHECKPOINTED: &str = "SELECT coalesce(sum(checkpoint_seq), 0) FROM shard";

/// What stores outlives the cell.
pub enum Store {
    /// A SQLite file in a folder.
    File(TempDir),
    /// A database of a server of its own, which can be killed, too.
    Database(Arc<Server>, String),
}

impl Store {
    pub fn file() -> Self {
        Self::File(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn database() -> Self {
        let server = Server::start(&Settings::default());
        let name = server.database();
        Self::Database(Arc::new(server), name)
    }

    pub fn url(&self) -> String {
        match self {
            Self::File(folder) => format!("sqlite:{}", folder.path().join("cell.db").display()),
            Self::Database(server, name) => server.url(name),
        }
    }

    /// How far the cell's checkpoints have come. Looks at a copy of a file, so that what a crash left is found by the
    /// cell as it was.
    pub async fn checkpointed(&self) -> i64 {
        let folder = match self {
            Self::Database(server, name) => {
                return server.sql(name, CHECKPOINTED).parse().expect("a number");
            }
            Self::File(folder) => folder,
        };
        let copy = tempfile::tempdir().expect("a temporary folder");
        for name in ["cell.db", "cell.db-wal"] {
            let from = folder.path().join(name);
            if from.exists() {
                std::fs::copy(from, copy.path().join(name)).expect("a copy");
            }
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(copy.path().join("cell.db"));
        let mut database = sqlx::ConnectOptions::connect(&options).await.expect("the cell's database");
        sqlx::query_scalar(CHECKPOINTED).fetch_one(&mut database).await.expect("its shards")
    }

    /// Ends the server as a crash would and starts it again, while the load goes on. Nothing where there is no server.
    pub async fn crash(&self) {
        let Self::Database(server, _) = self else { return };
        let server = Arc::clone(server);
        let crash = move || {
            server.stop(Stop::Crash);
            server.resume();
        };
        tokio::task::spawn_blocking(crash).await.expect("it serves again");
    }
}
