//! Databases that are opened and refused, and connections that are lost.

mod confirm;
mod connections;
mod databases;
mod migrations;
mod refusals;
mod tls;

use atoll_postgres::{PostgresOptions, Refusal, Schema, migrate};
use atoll_test_postgres::Server;

/// A schema of the tests.
const BOOKS: Schema = Schema { name: "books", migrations: &["CREATE TABLE books (author text)"] };

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::parse(&url.into()).expect("a URL")
}

/// A new database of the shared server: its name, and how it is reached.
fn database() -> (String, PostgresOptions) {
    let name = Server::shared().database();
    let options = options(&Server::shared().url(&name));
    (name, options)
}

async fn open(options: &PostgresOptions) -> Result<(), Refusal> {
    migrate(options, &BOOKS).await
}

/// Why a database is not opened.
async fn refused(options: &PostgresOptions) -> String {
    open(options).await.expect_err("refused").to_string()
}
