//! The database server, and what it counts.

use atoll_test_postgres::{Server, Settings};

/// As `docs/RUNBOOKS.md` has an operator set them; `fsync` and `synchronous_commit` are on by themselves.
const SET: &[(&str, &str)] = &[
    ("shared_preload_libraries", "pg_stat_statements"),
    ("shared_buffers", "512MB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "15min"),
    ("wal_compression", "on"),
];

/// A server of this program's own, with a database for the cell and one for its lists.
pub(crate) struct Database {
    server: Server,
    cell: String,
    lists: String,
}

/// Up to where a server has come.
pub(crate) struct Mark {
    statements: f64,
    /// Of the write-ahead log.
    at: String,
}

/// What a server did between two marks.
pub(crate) struct Counted {
    /// Statements, those that begin and end transactions too.
    pub(crate) statements: f64,
    /// Transactions that wrote.
    pub(crate) write_commits: f64,
    /// Bytes of write-ahead log.
    pub(crate) wal_bytes: f64,
    /// Of these, whole pages that were written for the first time since a checkpoint.
    pub(crate) page_bytes: f64,
}

impl Database {
    pub(crate) fn start() -> Self {
        let server = Server::start(&Settings { set: SET, tls: None });
        let [cell, lists] = [(); 2].map(|()| server.database());
        server.sql("postgres", "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_walinspect");
        Self { server, cell, lists }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url(&self.cell)
    }

    pub(crate) fn lists_url(&self) -> String {
        self.server.url(&self.lists)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Where the server is now.
    pub(crate) fn mark(&self) -> Mark {
        let statements = self.number(&format!(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_database ON oid = dbid
             WHERE datname IN ('{}', '{}')",
            self.cell, self.lists
        ));
        Mark { statements, at: self.server.sql("postgres", "SELECT pg_current_wal_flush_lsn()") }
    }

    /// What the server has done since.
    pub(crate) fn since(&self, before: &Mark) -> Counted {
        let now = self.mark();
        let written = |what, only| self.written(&before.at, &now.at, what, only);
        Counted {
            statements: now.statements - before.statements,
            write_commits: written("count", "\"resource_manager/record_type\" = 'Transaction/COMMIT'"),
            wal_bytes: written("combined_size", "true"),
            page_bytes: written("fpi_size", "true"),
        }
    }

    /// Bytes of what the cell's database holds, largest first: name, table with what is stored beside it, indexes.
    pub(crate) fn sizes(&self) -> Vec<(String, f64, f64)> {
        let sizes = "SELECT relname, pg_table_size(relid), pg_indexes_size(relid) FROM pg_stat_user_tables
                     ORDER BY pg_total_relation_size(relid) DESC";
        let of = |database: &str| self.server.sql(database, sizes);
        let lines = [of(&self.cell), of(&self.lists)].join("\n");
        lines.lines().filter_map(size).collect()
    }

    fn number(&self, sql: &str) -> f64 {
        self.server.sql("postgres", sql).parse().expect("a number")
    }

    /// What the write-ahead log says of the time between two marks.
    fn written(&self, from: &str, to: &str, what: &str, only: &str) -> f64 {
        self.number(&format!(
            "SELECT coalesce(sum({what}), 0) FROM pg_get_wal_stats('{from}', '{to}', true) WHERE {only}"
        ))
    }
}

fn size(line: &str) -> Option<(String, f64, f64)> {
    let mut parts = line.split('|');
    Some((parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
