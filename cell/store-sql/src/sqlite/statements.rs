//! Every statement of the cell's database.

use super::batched::Batched;

macro_rules! statements {
    (single { $($single:ident = $single_file:literal,)* } batched { $($batched:ident = $batched_file:literal,)* }) => {
        $(pub(super) const $single: &str = include_str!(concat!("sql/", $single_file));)*
        $(pub(super) static $batched: Batched = Batched::new(include_str!(concat!("sql/", $batched_file)));)*

        #[cfg(test)]
        pub(super) const SINGLE: &[&str] = &[$($single),*];
        #[cfg(test)]
        pub(super) static BATCHED: &[&Batched] = &[$(&$batched),*];
    };
}

statements! {
    single {
        STANDING = "standing.sql",
        LOG_END = "log_end.sql",
        RAISE_EPOCH = "raise_epoch.sql",
        TAIL = "tail.sql",
        FENCE = "fence.sql",
        SHARD_EXISTS = "shard_exists.sql",
        ADVANCE = "advance.sql",
        TRIM = "trim.sql",
        HISTORY = "history.sql",
        DUE = "due.sql",
        EXPIRED = "expired.sql",
        OUTBOX = "outbox.sql",
        IDENTITY = "identity.sql",
        PUT_IDENTITY = "put_identity.sql",
        PUT_SHARDS = "put_shards.sql",
        METADATA_LIST = "metadata_list.sql",
        METADATA_PUT = "metadata_put.sql",
        METADATA_VERSION = "metadata_version.sql",
        METADATA_REMOVE = "metadata_remove.sql",
    }
    batched {
        APPEND = "append.sql",
        EPOCHS = "epochs.sql",
        PUT_ENTITIES = "put_entities.sql",
        DELETE_ENTITIES = "delete_entities.sql",
        DELETE_HISTORIES = "delete_histories.sql",
        PUT_HISTORY = "put_history.sql",
        PUT_OUTBOX = "put_outbox.sql",
        DELETE_OUTBOX = "delete_outbox.sql",
        LOAD = "load.sql",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::options::SqliteOptions;
    use crate::{SqliteStore, sqlite::batched::MAX_ROWS};
    use sqlx::{ConnectOptions, Executor, Row, SqlSafeStr, SqliteConnection};

    async fn connection(directory: &tempfile::TempDir) -> SqliteConnection {
        let options = SqliteOptions::new(directory.path().join("cell.db"));
        SqliteStore::connect(options.clone()).await.expect("a store").close().await;
        options.writing(false).connect().await.expect("a connection")
    }

    #[tokio::test]
    async fn every_statement_is_prepared() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let mut connection = connection(&directory).await;
        let sizes = [1, 2, 16, 32, MAX_ROWS];
        let batched = BATCHED.iter().flat_map(|batched| sizes.map(|size| batched.next(size).0));
        for text in SINGLE.iter().copied().chain(batched) {
            if let Err(error) = connection.prepare(text.into_sql_str()).await {
                panic!("{error} in: {text}");
            }
        }
    }

    #[tokio::test]
    async fn no_statement_scans_a_whole_table() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let mut connection = connection(&directory).await;
        let batched = BATCHED.iter().map(|batched| batched.next(3).0);
        for text in SINGLE.iter().copied().chain(batched).filter(|text| *text != IDENTITY) {
            let explained = format!("EXPLAIN QUERY PLAN {text}");
            let plan = sqlx::query(sqlx::AssertSqlSafe(explained)).fetch_all(&mut connection).await;
            for step in plan.expect("a plan") {
                let step: String = step.get("detail");
                let tables = ["log", "entity", "history", "outbox", "metadata", "shard"];
                let scan = tables.iter().any(|table| step.starts_with(&format!("SCAN {table}")));
                assert!(!scan, "{step} in: {text}");
            }
        }
    }
}
