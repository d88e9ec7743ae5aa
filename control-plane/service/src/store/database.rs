//! Where the control plane stores.

use std::path::PathBuf;
use std::sync::Arc;

use atoll_postgres::{PostgresOptions, UrlError};
use atoll_secret::Secret;
use thiserror::Error;

use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use super::{DatabaseError, Store};

/// A database. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file, which one process uses.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which several may use.
    Postgres(Box<PostgresOptions>),
}

/// What is wrong with a database's URL. Says nothing of it: any part may hold its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DatabaseUrlError {
    /// No engine is called so.
    #[error("is not a database: expected sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Engine,
    /// It begins as PostgreSQL's.
    #[error(transparent)]
    Postgres(#[from] UrlError),
}

impl Database {
    /// `sqlite:PATH` or `postgres://...`, of which [`PostgresOptions::parse`] says what may stand there.
    pub fn parse(url: &Secret) -> Result<Self, DatabaseUrlError> {
        let text = url.expose();
        if text.starts_with("postgres") {
            return Ok(Self::Postgres(Box::new(PostgresOptions::parse(url)?)));
        }
        let path = text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path.filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Sqlite(path.into())),
            None => Err(DatabaseUrlError::Engine),
        }
    }

    /// Uses a PostgreSQL server also where it may lose what it acknowledges, for tests that say so.
    #[must_use]
    pub fn allow_unsafe(mut self, allow: bool) -> Self {
        if let Self::Postgres(options) = &mut self {
            options.allow_unsafe = allow;
        }
        self
    }

    /// Refuses what cannot be the control plane's database, or a file that another process uses, and changes nothing.
    /// That there is none is fine.
    pub async fn inspect(&self) -> Result<(), DatabaseError> {
        match self {
            Self::Sqlite(path) => SqliteStore::inspect(path).await,
            Self::Postgres(options) => PostgresStore::inspect(options).await,
        }
    }

    /// Opens it, making its tables where there are none, and brings its schema up to date. What is foreign, newer or
    /// not durable, and a file that another process uses, is refused before anything is written.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, DatabaseError> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
            Self::Postgres(options) => Arc::new(PostgresStore::open(options).await?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_engine_and_no_other_is_taken() {
        let parse = |url: &str| Database::parse(&url.into());
        for url in ["sqlite:a/b.db", "sqlite://a/b.db"] {
            assert!(matches!(parse(url), Ok(Database::Sqlite(path)) if path.ends_with("a/b.db")), "{url}");
        }
        let postgres = parse("postgres://u:hush@h/d").unwrap();
        assert!(matches!(&postgres, Database::Postgres(options) if options.place() == "h:5432/d"));
        assert!(!format!("{postgres:?}").contains("hush"));
        for url in ["", "sqlite:", "sqlite://", "a/b.db", "memory:", "mysql://u:hush@h/d"] {
            assert_eq!(parse(url).err(), Some(DatabaseUrlError::Engine), "{url}");
        }
        let error = parse("postgres://u:hush@h").unwrap_err();
        assert_eq!(error, DatabaseUrlError::Postgres(UrlError::Missing("database")));
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}
