//! Where the cell that is killed stores.

use std::sync::Arc;

use atoll_test_postgres::{Server, Settings, Stop, Wire};
use tempfile::TempDir;

/// How far checkpoints have come, over all shards: rows of the log that are no longer needed.
const CHECKPOINTED: &str = "SELECT coalesce(sum(checkpoint_seq), 0) FROM shard";

/// What stores outlives the cell.
pub enum Store {
    /// A SQLite file in a folder.
    File(TempDir),
    /// A database of a server of its own, which can be killed, too.
    Database(Database),
}

/// A database behind an address that follows the primary.
pub struct Database {
    primary: Arc<Server>,
    /// What commits of the primary wait for, until it takes its place.
    standby: Option<Arc<Server>>,
    name: String,
    address: Wire,
}

impl Store {
    pub fn file() -> Self {
        Self::File(tempfile::tempdir().expect("a temporary folder"))
    }

    pub async fn database() -> Self {
        let primary = Server::start(&Settings::default());
        let name = primary.database();
        let standby = primary.standby("standby");
        primary.set("synchronous_standby_names", "standby");
        let address = Wire::to(primary.address()).await;
        Self::Database(Database { primary: primary.into(), standby: Some(standby.into()), name, address })
    }

    pub fn url(&self) -> String {
        match self {
            Self::File(folder) => format!("sqlite:{}", folder.path().join("cell.db").display()),
            Self::Database(Database { primary, name, address, .. }) => {
                primary.url_at(address.address(), name)
            }
        }
    }

    /// How far the cell's checkpoints have come. Looks at a copy of a file, so that what a crash left is found by the
    /// cell as it was.
    pub async fn checkpointed(&self) -> i64 {
        let folder = match self {
            Self::Database(Database { primary, name, .. }) => {
                return primary.sql(name, CHECKPOINTED).parse().expect("a number");
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

    /// Ends the primary as a crash would, while the load goes on. The first time its standby takes its place; later it
    /// is started again. Nothing where there is no server.
    pub async fn crash(&mut self) {
        let Self::Database(database) = self else { return };
        let (primary, standby) = (Arc::clone(&database.primary), database.standby.take());
        let fail_over = move || {
            primary.stop(Stop::Crash);
            match standby {
                Some(standby) => {
                    standby.promote();
                    standby
                }
                None => {
                    primary.resume();
                    primary
                }
            }
        };
        database.primary = tokio::task::spawn_blocking(fail_over).await.expect("it serves again");
        database.address.turn_to(database.primary.address());
    }
}
