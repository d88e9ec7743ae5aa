//! Database addresses.

use std::path::PathBuf;

/// What a cell stores in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// This process's memory: gone when it stops.
    Memory,
    /// A SQLite file; made when it is missing.
    Sqlite(PathBuf),
}

impl Database {
    /// `memory:` or `sqlite:PATH`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url == "memory:" {
            return Ok(Self::Memory);
        }
        let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path.filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Sqlite(path.into())),
            None => Err(format!("{url:?} is not a database: expected sqlite:PATH or memory:")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_an_engine() {
        assert_eq!(Database::parse("memory:"), Ok(Database::Memory));
        for (url, path) in
            [("sqlite:a.db", "a.db"), ("sqlite:/x/a.db", "/x/a.db"), ("sqlite:///x/a.db", "/x/a.db")]
        {
            assert_eq!(Database::parse(url), Ok(Database::Sqlite(path.into())), "{url}");
        }
        for bad in ["", "a.db", "sqlite:", "sqlite://", "postgres://h/db", "memory"] {
            assert!(Database::parse(bad).is_err(), "{bad}");
        }
    }
}
