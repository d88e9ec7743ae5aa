//! Where a piece stores: a SQLite file or a PostgreSQL database, by its URL.
//!
//! Owns: what such a URL may be. Does not own: how either is opened and what must be true of it (`atoll-sqlite`,
//! `atoll-postgres`), or what stands there, which is the piece's.

use std::path::PathBuf;

use atoll_postgres::{Limits, PostgresOptions, UrlError};
use atoll_secret::Secret;
use thiserror::Error;

/// A database. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file, which one process has at a time; made when it is missing.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which may be empty.
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

    /// The same, where calls of PostgreSQL may take other times than usual.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        if let Self::Postgres(options) = &mut self {
            options.limits = limits;
        }
        self
    }

    /// The same, used also where PostgreSQL may lose what it acknowledges, if `allow` says so: for tests.
    #[must_use]
    pub fn allow_unsafe(mut self, allow: bool) -> Self {
        if let Self::Postgres(options) = &mut self {
            options.allow_unsafe = allow;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_url_names_an_engine_and_is_not_told() {
        for (url, path) in [
            ("sqlite:a/b.db", "a/b.db"),
            ("sqlite://a/b.db", "a/b.db"),
            ("sqlite:///x.db", "/x.db"),
            ("sqlite:/x.db", "/x.db"),
            ("sqlite:x", "x"),
        ] {
            let parsed = Database::parse(&url.into()).unwrap();
            assert!(matches!(&parsed, Database::Sqlite(found) if found == Path::new(path)), "{parsed:?}");
        }
        let parsed = Database::parse(&"postgres://u:hush@localhost/bills".into()).unwrap().allow_unsafe(true);
        let shown = format!("{parsed:?}");
        assert!(shown.contains("localhost:5432/bills") && !shown.contains("hush"), "{shown}");
        assert!(matches!(&parsed, Database::Postgres(options) if options.allow_unsafe));
        for (url, expected) in [
            ("", DatabaseUrlError::Engine),
            ("memory:", DatabaseUrlError::Engine),
            ("sqlite:", DatabaseUrlError::Engine),
            ("sqlite://", DatabaseUrlError::Engine),
            ("hush.db", DatabaseUrlError::Engine),
            ("mysql://u:hush@h/d", DatabaseUrlError::Engine),
            ("postgres://u:hush@h", DatabaseUrlError::Postgres(UrlError::Missing("database"))),
        ] {
            let refused = Database::parse(&url.into()).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hush"), "{refused}");
            assert_eq!(refused, expected, "{url}");
        }
    }
}
