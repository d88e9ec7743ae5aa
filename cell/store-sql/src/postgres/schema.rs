//! The kinds of databases of a cell.

use atoll_postgres::Schema;

/// Logs, snapshots and configuration of a cell.
pub(super) const CELL: Schema = Schema {
    name: "cell",
    migrations: &[
        include_str!("schema/0001_cell.sql"),
        include_str!("schema/0002_files_keep_their_length.sql"),
        include_str!("schema/0003_branches.sql"),
    ],
};

/// Visibility records of a cell.
pub(super) const VISIBILITY: Schema = Schema {
    name: "visibility",
    migrations: &[
        include_str!("schema/0001_visibility.sql"),
        include_str!("schema/0002_visibility_files_keep_their_length.sql"),
        include_str!("schema/0003_visibility_owner.sql"),
    ],
};
