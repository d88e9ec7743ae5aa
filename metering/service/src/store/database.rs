//! Which database metering has.

use std::path::PathBuf;
use std::sync::Arc;

use atoll_postgres::PostgresOptions;
use atoll_secret::Secret;

use super::engine::Engine;
use super::postgres::PostgresEngine;
use super::sqlite::SqliteEngine;
use super::{DatabaseUrlError, OpenError};

/// Where metering stores. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file, which one process has at a time; made when it is missing.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which may be empty, and which any number of processes may have at once.
    Postgres(Box<PostgresOptions>),
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

    /// Refuses a database that cannot be metering's, that another process uses where only one can, or whose server
    /// cannot be used; changes nothing. That there is none yet is fine.
    pub async fn inspect(&self) -> Result<(), OpenError> {
        match self {
            Self::Sqlite(path) => SqliteEngine::inspect(path).await,
            Self::Postgres(options) => PostgresEngine::inspect(options).await,
        }
    }

    /// Opens it, making and migrating tables as needed. What [`inspect`](Self::inspect) refuses is refused here, too,
    /// and nothing has been written then. A server that is away is not waited for.
    pub(super) async fn open(&self) -> Result<Arc<dyn Engine>, OpenError> {
        match self {
            Self::Sqlite(path) => Ok(Arc::new(SqliteEngine::open(path).await?)),
            Self::Postgres(options) => Ok(Arc::new(PostgresEngine::open(options).await?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_server_and_is_not_told() {
        for (url, path) in [("sqlite:a.db", "a.db"), ("sqlite:///x/a.db", "/x/a.db"), ("sqlite:/a", "/a")] {
            let parsed = Database::parse(&url.into()).unwrap();
            assert!(matches!(&parsed, Database::Sqlite(found) if found == Path::new(path)), "{parsed:?}");
        }
        let parsed = Database::parse(&"postgres://u:hush@127.0.0.1/metering".into()).unwrap();
        assert!(
            matches!(&parsed, Database::Postgres(options) if options.place() == "127.0.0.1:5432/metering")
        );
        assert!(!format!("{parsed:?}").contains("hush"));
        for wrong in ["", "sqlite:", "hush.db", "memory:", "mysql://u:hush@h/d", "postgres://u:hush@h"] {
            let refused = Database::parse(&wrong.into()).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hush"), "{refused}");
        }
    }
}
