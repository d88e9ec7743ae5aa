//! The kinds of databases of a cell.

use atoll_postgres::Schema;

/// Logs, snapshots and configuration of a cell.
pub(super) const CELL: Schema = Schema { name: "cell", migrations: &[include_str!("schema/0001_cell.sql")] };
