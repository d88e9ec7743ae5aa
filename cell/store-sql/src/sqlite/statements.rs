//! Every statement of the cell's database.

use super::batched::Batched;

atoll_sqlite::statements! {
    STANDING = "standing.sql";
    LOG_END = "log_end.sql";
    RAISE_EPOCH = "raise_epoch.sql";
    TAIL = "tail.sql";
    FENCE = "fence.sql";
    SHARD_EXISTS = "shard_exists.sql";
    HOLDS = "holds.sql";
    ADVANCE = "advance.sql";
    TRIM = "trim.sql";
    HISTORY = "history.sql";
    DUE = "due.sql";
    DUE_ROWS = "due_rows.sql";
    DUE_ROW = "due_row.sql";
    EXPIRED = "expired.sql";
    EXPIRED_ROWS = "expired_rows.sql";
    EXPIRED_ROW = "expired_row.sql";
    NEXT_KIND = "next_kind.sql";
    OF_NAMESPACE = "of_namespace.sql";
    OF_NAMESPACE_FROM = "of_namespace_from.sql";
    WAITING = "waiting.sql";
    WAITING_COUNT = "waiting_count.sql";
    OUTBOX = "outbox.sql";
    OUTBOX_AFTER = "outbox_after.sql";
    STANDING_SHARDS = "standing_shards.sql";
    IDENTITY = "identity.sql";
    PUT_IDENTITY = "put_identity.sql";
    PUT_SHARDS = "put_shards.sql";
    METADATA_LIST = "metadata_list.sql";
    METADATA_PUT = "metadata_put.sql";
    METADATA_VERSION = "metadata_version.sql";
    METADATA_REMOVE = "metadata_remove.sql";
}

/// As [`atoll_sqlite::statements`], of texts that hold what is repeated for each row.
macro_rules! batched_statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: Batched = Batched::new(include_str!(concat!("sql/", $file)));)*
        #[cfg(test)]
        pub(super) static BATCHED: &[&Batched] = &[$(&$name),*];
    };
}
pub(in crate::sqlite) use batched_statements;

batched_statements! {
    APPEND = "append.sql";
    EPOCHS = "epochs.sql";
    PUT_ENTITIES = "put_entities.sql";
    DELETE_ENTITIES = "delete_entities.sql";
    PUT_CHUNKS = "put_chunks.sql";
    DELETE_CHUNKS = "delete_chunks.sql";
    DELETE_HISTORIES = "delete_histories.sql";
    DELETE_FREED_HISTORIES = "delete_freed_histories.sql";
    DELETE_REFERENCES = "delete_references.sql";
    PUT_REFERENCES = "put_references.sql";
    PUT_HISTORY = "put_history.sql";
    PUT_WAITING = "put_waiting.sql";
    DELETE_WAITING = "delete_waiting.sql";
    DELETE_WAITING_TASKS = "delete_waiting_tasks.sql";
    PUT_OUTBOX = "put_outbox.sql";
    DELETE_OUTBOX = "delete_outbox.sql";
    OUTBOX_SIZES = "outbox_sizes.sql";
    LOAD = "load.sql";
    SEGMENTS = "segments.sql";
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::sqlite::batched::MAX_ROWS;
    use crate::sqlite::options::SqliteOptions;
    use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row, SqlSafeStr};

    /// Prepares every text at its sizes on the database.
    pub(in crate::sqlite) async fn prepare_all(
        options: &SqliteOptions,
        single: &[&str],
        batched: &'static [&'static Batched],
    ) {
        let mut connection = options.writing().connect().await.expect("a connection");
        let sizes = [1, 2, 16, 32, MAX_ROWS];
        let batched = batched.iter().flat_map(|batched| sizes.map(|size| batched.next(size).0));
        for text in single.iter().copied().chain(batched) {
            if let Err(error) = connection.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await {
                panic!("{error} in: {text}");
            }
        }
    }

    /// Panics where a statement reads one of the tables from end to end.
    pub(in crate::sqlite) async fn refuse_scans(
        options: &SqliteOptions,
        single: &[&str],
        batched: &'static [&'static Batched],
        tables: &[&str],
    ) {
        let mut connection = options.writing().connect().await.expect("a connection");
        let batched = batched.iter().map(|batched| batched.next(3).0);
        for text in single.iter().copied().chain(batched) {
            let explained = format!("EXPLAIN QUERY PLAN {text}");
            let plan = sqlx::query(AssertSqlSafe(explained)).fetch_all(&mut connection).await;
            for step in plan.expect("a plan") {
                let step: String = step.get("detail");
                let mut words = step.split(' ');
                let scanned =
                    words.next() == Some("SCAN") && words.next().is_some_and(|t| tables.contains(&t));
                assert!(!scanned, "{step} in: {text}");
            }
        }
    }

    #[tokio::test]
    async fn every_statement_is_prepared_and_finds_its_rows_by_an_index() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("cell.db"));
        let store = SqliteStore::connect(options.clone()).await.expect("a store");
        let mut single: Vec<&str> = ALL.iter().map(|(_, text)| *text).collect();
        prepare_all(&options, &single, BATCHED).await;
        let tables = [
            "log",
            "entity",
            "chunk",
            "waiting",
            "history",
            "branch_reference",
            "outbox",
            "metadata",
            "shard",
        ];
        // A look at a database reads every shard.
        single.retain(|text| *text != STANDING_SHARDS);
        refuse_scans(&options, &single, BATCHED, &tables).await;
        store.close().await;
    }
}
