//! Databases as their services meet them: new, known, foreign, half migrated, used by others.

mod copies;
mod migrations;
mod opening;
mod refusals;
mod transactions;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use atoll_sqlite::{Database, Schema};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

/// Two tables, of which one refers to the other.
const BOOKS: Schema = Schema {
    name: "books",
    mark: *b"ATtt",
    migrations: &["CREATE TABLE authors (name TEXT PRIMARY KEY) STRICT;
         CREATE TABLE books (title TEXT NOT NULL, author TEXT NOT NULL REFERENCES authors (name)) STRICT;"],
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("books.db")
    }

    /// Every file with its bytes, so that nothing can have been written unseen.
    fn contents(&self) -> Vec<(OsString, Vec<u8>)> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder");
        let mut contents: Vec<_> = entries
            .map(|entry| entry.expect("an entry"))
            .map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("its bytes")))
            .collect();
        contents.sort();
        contents
    }

    /// Another folder with this one's database and its write-ahead log as they are: what a killed process leaves.
    fn as_after_a_kill(&self) -> Self {
        let copy = Self::new();
        for name in ["books.db", "books.db-wal"] {
            std::fs::copy(self.0.path().join(name), copy.0.path().join(name)).expect("a copy");
        }
        copy
    }
}

/// A connection that knows nothing of schemas.
async fn raw(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.expect("a connection")
}

async fn run_raw(file: &Path, script: &'static str) {
    let mut connection = raw(file).await;
    sqlx::raw_sql(script).execute(&mut connection).await.expect("the script runs");
    connection.close().await.expect("it closes");
}

async fn open(file: &Path) -> Database {
    Database::open(file, &BOOKS).await.expect("the database opens")
}

async fn add_author(database: &Database, name: &str) {
    let mut transaction = database.write().await.expect("a transaction");
    let insert = sqlx::query("INSERT INTO authors VALUES (?)").bind(name);
    insert.execute(&mut *transaction).await.expect("the row is written");
    transaction.commit().await.expect("the commit");
}

async fn authors(database: &Database) -> Vec<String> {
    let mut connection = database.read().await.expect("a connection");
    let names = sqlx::query_scalar("SELECT name FROM authors ORDER BY name");
    names.fetch_all(&mut *connection).await.expect("the rows")
}
