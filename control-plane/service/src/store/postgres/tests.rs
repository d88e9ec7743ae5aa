//! What is PostgreSQL's alone: plans, locks, faults, refusals.

mod faults;
mod plans;
mod refusals;
mod standby;
mod waiting;

use atoll_test_postgres::Server;
use tempfile::TempDir;

use super::*;
use crate::store::Store;
use crate::test_support::Place;

/// Looks at the server that a test takes before it fails: each is a program that runs.
const LOOKS: usize = 400;

/// A database of the shared server, by its name, and how it is reached.
fn database() -> (String, Place) {
    let name = Server::shared().database();
    let url = Server::shared().url(&name);
    (name, place(&url))
}

fn place(url: &str) -> Place {
    Place { url: url.into(), folder: TempDir::new().unwrap() }
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::parse(&url.into()).unwrap()
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
