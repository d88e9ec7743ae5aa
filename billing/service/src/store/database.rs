//! Which database, and why one is not opened.

use std::path::PathBuf;

use atoll_postgres::{PostgresOptions, Refusal, UrlError};
use atoll_secret::Secret;
use atoll_sqlite::OpenError;
use thiserror::Error;

use super::postgres;

/// Where billing stores. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file; made when it is missing. One process at a time.
    Sqlite(PathBuf),
    /// A PostgreSQL database of billing's own, which may be empty. Several processes at a time.
    Postgres(Box<PostgresOptions>),
}

/// What is wrong with a database's URL. Says nothing of it: any part may hold its password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
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
            let mut options = PostgresOptions::parse(url)?;
            options.limits = postgres::limits();
            return Ok(Self::Postgres(Box::new(options)));
        }
        let path = text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path.filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Sqlite(path.into())),
            None => Err(DatabaseUrlError::Engine),
        }
    }

    /// The same, used also where PostgreSQL may lose what it acknowledges: for tests that say so.
    #[must_use]
    pub fn allow_unsafe(mut self, allow: bool) -> Self {
        if let Self::Postgres(options) = &mut self {
            options.allow_unsafe = allow;
        }
        self
    }
}

/// A database that was not opened, or that is this process's no longer. Its text is one line that says everything; it
/// has no `source`.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// Of a file.
    #[error(transparent)]
    Sqlite(#[from] OpenError),
    /// Of a server.
    #[error("billing database {place}: {refusal}{}", refusal.remedy())]
    Postgres {
        /// Host, port and name.
        place: String,
        /// Why.
        refusal: Box<Refusal>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_an_engine_and_is_not_told() {
        for (url, path) in [("sqlite:a/b.db", "a/b.db"), ("sqlite:///x.db", "/x.db"), ("sqlite:x", "x")] {
            let parsed = Database::parse(&url.into()).unwrap();
            assert!(matches!(&parsed, Database::Sqlite(found) if found.as_os_str() == path), "{parsed:?}");
        }
        let parsed = Database::parse(&"postgres://u:hush@localhost/bills".into()).unwrap().allow_unsafe(true);
        let shown = format!("{parsed:?}");
        assert!(shown.contains("localhost:5432/bills") && !shown.contains("hush"), "{shown}");
        assert!(matches!(&parsed, Database::Postgres(options) if options.allow_unsafe));
        for (url, expected) in [
            ("", DatabaseUrlError::Engine),
            ("memory:", DatabaseUrlError::Engine),
            ("sqlite:", DatabaseUrlError::Engine),
            ("hush.db", DatabaseUrlError::Engine),
            ("postgres://u:hush@h", DatabaseUrlError::Postgres(UrlError::Missing("database"))),
        ] {
            let refused = Database::parse(&url.into()).unwrap_err();
            assert!(!refused.to_string().contains("hush"));
            assert_eq!(refused, expected, "{url}");
        }
    }
}
