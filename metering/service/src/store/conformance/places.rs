//! Databases of each engine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Pooler, Server};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::Place;
use crate::Database;
use crate::store::Store;
use crate::store::database::open;
use crate::store::engine::Engine;

/// A file, which one process has at a time.
pub(crate) struct SqlitePlace {
    folder: TempDir,
    running: tokio::sync::Mutex<Option<Store>>,
}

impl SqlitePlace {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), running: tokio::sync::Mutex::default() }
    }

    pub(crate) fn database(&self) -> Database {
        Database::Sqlite(self.folder.path().join("metering.db"))
    }
}

#[async_trait]
impl Place for SqlitePlace {
    async fn open(&self) -> Store {
        let mut running = self.running.lock().await;
        if running.is_none() {
            *running = Some(Store::open(&self.database()).await.unwrap());
        }
        running.clone().unwrap()
    }

    async fn crash(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.close().await;
        }
    }

    /// Who waits does so within this process: it has had its turns by then.
    async fn until_somebody_waits(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

/// A database of the shared server.
pub(crate) struct PostgresPlace {
    name: String,
    options: PostgresOptions,
}

/// Looks at the server that a test takes before it fails: each is a program that runs.
const LOOKS: usize = 400;

impl PostgresPlace {
    pub(crate) async fn new() -> Self {
        let name = Self::copy().await;
        let options = options(&Server::shared().url(&name));
        Self { name, options }
    }

    /// As [`new`](Self::new), reached through a pooler.
    pub(crate) async fn behind(pooler: &Pooler) -> Self {
        let name = Self::copy().await;
        let mut options = options(&Server::shared().url_at(pooler.address(), &name));
        options.pooled = true;
        Self { name, options }
    }

    /// A database that has its tables, made once and copied for each test.
    async fn copy() -> String {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        static ONE: Mutex<()> = Mutex::new(());
        let server = Server::shared();
        let make = async || {
            let name = server.database();
            let database = Database::Postgres(Box::new(options(&server.url(&name))));
            Store::open(&database).await.unwrap().close().await;
            server.end_sessions(&name);
            name
        };
        let template = TEMPLATE.get_or_init(make).await;
        let _one = ONE.lock().unwrap();
        server.copy(template)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn database(&self) -> Database {
        Database::Postgres(Box::new(self.options.clone()))
    }

    /// Runs SQL as the superuser.
    pub(crate) fn sql(&self, sql: &str) -> String {
        Server::shared().sql(&self.name, sql)
    }
}

/// Limits are generous: who is stopped at a step holds what he holds until he is let go, however slow the machine is.
fn options(url: &str) -> PostgresOptions {
    let mut options = PostgresOptions::parse(&url.into()).unwrap();
    let limits = &mut options.limits;
    for limit in [&mut limits.call, &mut limits.statement, &mut limits.lock, &mut limits.idle_in_transaction]
    {
        *limit = Duration::from_secs(300);
    }
    options
}

#[async_trait]
impl Place for PostgresPlace {
    async fn open(&self) -> Store {
        let engine: Arc<dyn Engine> = open(&self.database()).await.unwrap();
        Store { engine }
    }

    async fn crash(&self) {
        Server::shared().end_sessions(&self.name);
    }

    async fn until_somebody_waits(&self) {
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock'",
            self.name
        );
        for _ in 0..LOOKS {
            if Server::shared().sql("postgres", &waiting) != "0" {
                return;
            }
            // What is to wait is of this very task.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        panic!("nobody waits");
    }
}
