//! The PostgreSQL engine on a real server: what every engine must pass, and its own promises.

mod clock;
mod conformance;
mod cost;
mod damage;
mod faults;
mod large;
mod opening;
mod pooled;
mod process;
mod refusals;
mod visibility;
mod went_back;

use async_trait::async_trait;
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Pooler, Server};
use cell_store::conformance::Storage;
use cell_store::{StoreError, Stores};
use cell_store_sql::PostgresStore;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// A database as its superuser reaches it.
fn options(url: &str) -> PostgresOptions {
    PostgresOptions::parse(&url.into()).expect("a URL")
}

/// A database of the shared server that has its tables, to be copied for each test.
struct Template {
    name: OnceLock<String>,
    made: Mutex<()>,
}

impl Template {
    const fn new() -> Template {
        Template { name: OnceLock::new(), made: Mutex::const_new(()) }
    }

    /// A database of the caller's own. Answers its name.
    async fn copy(&self, make: impl AsyncFnOnce(PostgresOptions)) -> String {
        let server = Server::shared();
        let _one = self.made.lock().await;
        if self.name.get().is_none() {
            let name = server.database();
            make(options(&server.url(&name))).await;
            server.end_sessions(&name);
            self.name.get_or_init(|| name);
        }
        server.copy(self.name.wait())
    }
}

/// A database of a cell. Answers its name.
async fn database() -> String {
    static CELL: Template = Template::new();
    CELL.copy(async |options| PostgresStore::connect(options).await.expect("a store").close().await).await
}

/// Looks at the server that a test takes before it fails: each is a program that runs.
const LOOKS: usize = 400;

/// Answers when no session of the database is busy.
fn settled(name: &str) {
    let busy = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND state <> 'idle'");
    let mut looks = 0..LOOKS;
    while Server::shared().sql("postgres", &busy) != "0" {
        looks.next().expect("a session stays busy");
    }
}

/// Names of tables that callers wait for, and of what their long values are in, whose files may be cut.
fn cut_files(name: &str) -> String {
    let files = "SELECT coalesce(string_agg(file.relname, ' '), '') FROM pg_class file \
                 JOIN pg_class main ON file.oid IN (main.oid, main.reltoastrelid) \
                 WHERE main.relnamespace = 'public'::regnamespace AND main.relkind = 'r' \
                 AND main.relname NOT IN ('atoll_schema', 'identity', 'process', 'metadata', 'owner') \
                 AND NOT 'vacuum_truncate=false' = ANY (coalesce(file.reloptions, '{}'))";
    Server::shared().sql(name, files)
}

/// A session of somebody else's, in a transaction.
async fn holding(name: &str, sql: &str) -> PgConnection {
    let mut other = PgConnection::connect(&Server::shared().url(name)).await.expect("a session");
    let script = format!("BEGIN; {sql}");
    other.execute(sqlx::raw_sql(AssertSqlSafe(script))).await.expect("begun");
    other
}

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
