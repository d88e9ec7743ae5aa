//! The PostgreSQL engine on a real server: what every engine must pass, and its own promises.

mod conformance;
mod cost;
mod damage;
mod faults;
mod large;
mod opening;
mod pooled;
mod process;
mod went_back;

use async_trait::async_trait;
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Pooler, Server};
use cell_store::conformance::Storage;
use cell_store::{StoreError, Stores};
use cell_store_sql::PostgresStore;
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// A database as its superuser reaches it.
fn options(url: &str) -> PostgresOptions {
    PostgresOptions::parse(&url.into()).expect("a URL")
}

/// A database of the shared server that has its tables. Answers its name.
async fn database() -> String {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    static MADE: Mutex<()> = Mutex::const_new(());
    let server = Server::shared();
    let _one = MADE.lock().await;
    if TEMPLATE.get().is_none() {
        let name = server.database();
        PostgresStore::connect(options(&server.url(&name))).await.expect("a store").close().await;
        server.end_sessions(&name);
        TEMPLATE.get_or_init(|| name);
    }
    server.copy(TEMPLATE.wait())
}

/// Looks at the server that a test takes before it fails: each is a program that runs.
const LOOKS: usize = 400;

/// Answers when so many sessions of the database wait for a lock.
async fn waits(name: &str, sessions: usize) {
    let count = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
    );
    for _ in 0..LOOKS {
        if Server::shared().sql("postgres", &count) == sessions.to_string() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no {sessions} sessions wait");
}

/// A database of the shared server that outlives the stores opened on it.
pub(crate) struct StoredDatabase {
    name: String,
    options: PostgresOptions,
    running: Mutex<Option<PostgresStore>>,
}

impl StoredDatabase {
    pub(crate) async fn new() -> Arc<StoredDatabase> {
        let name = database().await;
        let options = options(&Server::shared().url(&name));
        Arc::new(StoredDatabase { name, options, running: Mutex::new(None) })
    }

    /// As [`new`](Self::new), reached through a pooler.
    pub(crate) async fn behind(pooler: &Pooler) -> Arc<StoredDatabase> {
        let name = database().await;
        let mut options = options(&Server::shared().url_at(pooler.address(), &name));
        options.pooled = true;
        Arc::new(StoredDatabase { name, options, running: Mutex::new(None) })
    }
}

#[async_trait]
impl Storage for StoredDatabase {
    async fn start(&self) -> Result<Stores, StoreError> {
        let mut running = self.running.lock().await;
        if let Some(before) = running.take() {
            before.close().await;
            Server::shared().end_sessions(&self.name);
        }
        let store = PostgresStore::connect(self.options.clone()).await?;
        Ok(running.insert(store).stores())
    }
}
