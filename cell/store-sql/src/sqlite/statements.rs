//! Every statement of the cell's database.

use super::batched::Batched;

macro_rules! statements {
    (single { $($single:ident = $single_file:literal,)* } batched { $($batched:ident = $batched_file:literal,)* }) => {
        $(pub(super) const $single: &str = include_str!($single_file);)*
        $(pub(super) static $batched: Batched = Batched::new(include_str!($batched_file));)*

        #[cfg(test)]
        pub(super) const SINGLE: &[&str] = &[$($single),*];
        #[cfg(test)]
        pub(super) static BATCHED: &[&Batched] = &[$(&$batched),*];
    };
}
pub(in crate::sqlite) use statements;

statements! {
    single {
        STANDING = "sql/standing.sql",
        LOG_END = "sql/log_end.sql",
        RAISE_EPOCH = "sql/raise_epoch.sql",
        TAIL = "sql/tail.sql",
        FENCE = "sql/fence.sql",
        SHARD_EXISTS = "sql/shard_exists.sql",
        ADVANCE = "sql/advance.sql",
        TRIM = "sql/trim.sql",
        HISTORY = "sql/history.sql",
        DUE = "sql/due.sql",
        EXPIRED = "sql/expired.sql",
        WAITING = "sql/waiting.sql",
        WAITING_COUNT = "sql/waiting_count.sql",
        OUTBOX = "sql/outbox.sql",
        STANDING_SHARDS = "sql/standing_shards.sql",
        IDENTITY = "sql/identity.sql",
        PUT_IDENTITY = "sql/put_identity.sql",
        PUT_SHARDS = "sql/put_shards.sql",
        METADATA_LIST = "sql/metadata_list.sql",
        METADATA_PUT = "sql/metadata_put.sql",
        METADATA_VERSION = "sql/metadata_version.sql",
        METADATA_REMOVE = "sql/metadata_remove.sql",
    }
    batched {
        APPEND = "sql/append.sql",
        EPOCHS = "sql/epochs.sql",
        PUT_ENTITIES = "sql/put_entities.sql",
        DELETE_ENTITIES = "sql/delete_entities.sql",
        PUT_CHUNKS = "sql/put_chunks.sql",
        DELETE_CHUNKS = "sql/delete_chunks.sql",
        DELETE_HISTORIES = "sql/delete_histories.sql",
        PUT_HISTORY = "sql/put_history.sql",
        PUT_WAITING = "sql/put_waiting.sql",
        DELETE_WAITING = "sql/delete_waiting.sql",
        PUT_OUTBOX = "sql/put_outbox.sql",
        DELETE_OUTBOX = "sql/delete_outbox.sql",
        LOAD = "sql/load.sql",
        SEGMENTS = "sql/segments.sql",
    }
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
        let mut connection = options.writing(false).connect().await.expect("a connection");
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
        let mut connection = options.writing(false).connect().await.expect("a connection");
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
        prepare_all(&options, SINGLE, BATCHED).await;
        let tables = ["log", "entity", "chunk", "waiting", "history", "outbox", "metadata", "shard"];
        // A look at a database reads every shard.
        let by_index: Vec<&str> = SINGLE.iter().copied().filter(|text| *text != STANDING_SHARDS).collect();
        refuse_scans(&options, &by_index, BATCHED, &tables).await;
        store.close().await;
    }
}
