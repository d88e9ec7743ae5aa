//! Pieces on a real PostgreSQL.

mod billing;
mod control_plane;
mod metering;
mod passes_on;
mod refuses;

use std::path::Path;

use atoll_test_postgres::Server;

use crate::refused::refused;

/// Serves what is in this database.
fn cell(url: &str) -> Vec<&str> {
    vec!["cell", "serve", "--port", "0", "--database-url", url]
}

/// Everything in a database.
fn content(server: &Server, database: &str) -> String {
    server.sql(
        database,
        "SELECT relname, query_to_xml(format('SELECT * FROM %I', relname), true, false, '') FROM pg_class \
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname",
    )
}

/// A start that must fail with one line that names the database and holds `message`, and change nothing.
fn refused_on(server: &Server, database: &str, arguments: &[&str], message: &str) {
    let folder = tempfile::tempdir().unwrap();
    refused_in(folder.path(), server, database, arguments, message);
}

/// As [`refused_on`], in this folder.
fn refused_in(folder: &Path, server: &Server, database: &str, arguments: &[&str], message: &str) {
    let before = content(server, database);
    refused(folder, arguments, &format!("database {}/{database}: {message}", server.address()));
    assert!(content(server, database) == before, "{message}: the database has changed");
}
