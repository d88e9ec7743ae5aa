//! The kinds of database files of a cell.

use atoll_sqlite::Schema;

/// Logs, snapshots and configuration of a cell.
pub(super) const CELL: Schema = Schema {
    name: "cell",
    mark: *b"Atol",
    migrations: &[
        include_str!("schema/0001_cell.sql"),
        include_str!("schema/0002_waiting_kind.sql"),
        include_str!("schema/0003_branches.sql"),
    ],
};

/// Visibility records of a cell.
pub(super) const VISIBILITY: Schema = Schema {
    name: "visibility",
    mark: *b"Atov",
    migrations: &[
        include_str!("schema/0001_visibility.sql"),
        include_str!("schema/0002_record_id.sql"),
        include_str!("schema/0003_usual_lists.sql"),
    ],
};
