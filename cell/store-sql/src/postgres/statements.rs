//! Every statement of the cell's database.

/// The texts, each a constant, from files in `sql/` beside this; and `ALL` of them, with their names, for a test that
/// prepares each.
macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(in crate::postgres) const $name: &str = include_str!(concat!("sql/", $file));)*
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}
pub(super) use statements;

statements! {
    ADVANCE = "advance.sql";
    APPEND = "append.sql";
    BEAT = "beat.sql";
    CLAIM = "claim.sql";
    CLAIMED = "claimed.sql";
    DELETE_CHUNKS = "delete_chunks.sql";
    DELETE_ENTITIES = "delete_entities.sql";
    DELETE_FREED_HISTORIES = "delete_freed_histories.sql";
    DELETE_OUTBOX = "delete_outbox.sql";
    DELETE_SOME_HISTORY = "delete_some_history.sql";
    DELETE_WAITING_TASKS = "delete_waiting_tasks.sql";
    DUE = "due.sql";
    EPOCHS = "epochs.sql";
    EXPIRED = "expired.sql";
    FENCE = "fence.sql";
    FREED_BY = "freed_by.sql";
    HISTORY = "history.sql";
    IDENTITY = "identity.sql";
    LOAD = "load.sql";
    LOCK_SHARDS = "lock_shards.sql";
    LOG = "log.sql";
    METADATA_LIST = "metadata_list.sql";
    METADATA_PUT = "metadata_put.sql";
    METADATA_REMOVE = "metadata_remove.sql";
    METADATA_VERSION = "metadata_version.sql";
    NEXT_KIND = "next_kind.sql";
    NOW = "now.sql";
    OF_NAMESPACE = "of_namespace.sql";
    OF_NAMESPACE_FROM = "of_namespace_from.sql";
    OUTBOX = "outbox.sql";
    OUTBOX_FROM = "outbox_from.sql";
    OUTBOX_SIZES = "outbox_sizes.sql";
    PUT_CHUNKS = "put_chunks.sql";
    PUT_ENTITIES = "put_entities.sql";
    PUT_HISTORY = "put_history.sql";
    PUT_IDENTITY = "put_identity.sql";
    PUT_OUTBOX = "put_outbox.sql";
    PUT_REFERENCES = "put_references.sql";
    PUT_SHARDS = "put_shards.sql";
    PUT_WAITING = "put_waiting.sql";
    RAISE_EPOCHS = "raise_epochs.sql";
    SEGMENTS = "segments.sql";
    STANDING = "standing.sql";
    STANDING_CHECKPOINT = "standing_checkpoint.sql";
    STANDING_EPOCH = "standing_epoch.sql";
    STANDING_SHARDS = "standing_shards.sql";
    TAILS = "tails.sql";
    TRIM = "trim.sql";
    TRIM_FROM = "trim_from.sql";
    UNCLAIM = "unclaim.sql";
    WAITING = "waiting.sql";
    WAITING_COUNT = "waiting_count.sql";
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::PostgresStore;
    use atoll_postgres::PostgresOptions;
    use atoll_test_postgres::Server;
    use cell_store::ShardStore;
    use sqlx::{AssertSqlSafe, Connection, Either, Executor, PgConnection, Row, SqlSafeStr};
    use uuid::Uuid;

    /// Rows of many shards, as they are after some minutes of load.
    const FILL: &str = "
        INSERT INTO log SELECT n % 16, 1 + n / 16, 1, false, gen_random_uuid(), 'data' FROM generate_series(0, 40000) n;
        INSERT INTO entity SELECT n % 16, 2, n % 2 = 0, gen_random_uuid(), gen_random_uuid(), 1, 0, n, n, 1, 'w', 's'
            FROM generate_series(0, 40000) n;
        INSERT INTO chunk SELECT shard, kind, 1, namespace_id, run_id, 1, id, 'data' FROM entity;
        INSERT INTO history SELECT shard, kind, namespace_id, run_id, n, n, id, 'events'
            FROM entity, generate_series(1, 2) n;
        INSERT INTO branch_reference SELECT shard, kind, namespace_id, run_id, gen_random_uuid(), 1, id
            FROM entity;
        INSERT INTO waiting SELECT shard, kind, 1, 3, namespace_id, run_id, 1, 2, 1, 'q', id FROM entity;
        INSERT INTO outbox SELECT n % 16, 'usage', int8send(n), 1, 1, 1, 'data' FROM generate_series(0, 40000) n;
        INSERT INTO metadata SELECT 'namespace', int8send(n), 1, 'data' FROM generate_series(0, 40000) n;
        ANALYZE";

    const GROWING: [&str; 8] =
        ["log", "entity", "chunk", "history", "branch_reference", "waiting", "outbox", "metadata"];

    /// What reads all there is of what it is asked for.
    const READERS_OF_ALL: [&str; 1] = ["metadata_list.sql"];

    /// Values as the engine gives them: lists of three.
    fn value(type_name: &str) -> String {
        let (base, list) = type_name.strip_suffix("[]").map_or((type_name, false), |base| (base, true));
        let one = match base {
            "INT2" | "INT4" | "INT8" => "2",
            "BOOL" => "true",
            "FLOAT8" => "2",
            "UUID" => "'00000000-0000-0000-0000-000000000007'",
            "BYTEA" | "TEXT" => "'usage'",
            other => panic!("a value of type {other}"),
        };
        if list { format!("ARRAY[{one},{one},{one}]::{base}[]") } else { format!("{one}::{base}") }
    }

    /// The plan of a statement, with values as the engine gives them.
    pub(in crate::postgres) async fn plan(connection: &mut PgConnection, text: &'static str) -> String {
        let prepared = connection.prepare(text.into_sql_str()).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{error} in: {text}"));
        let Some(Either::Left(types)) = sqlx::Statement::parameters(&prepared) else {
            panic!("no types of {text}")
        };
        let values: Vec<String> = types.iter().map(|of| value(&of.to_string())).collect();
        let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        let script = format!("DEALLOCATE ALL; PREPARE looked AS {text}");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await.expect("prepared");
        let explain = format!("EXPLAIN EXECUTE looked{values}");
        let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(explain))).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error} in: {text} with {values}"));
        rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
    }

    #[tokio::test]
    async fn every_statement_is_prepared_and_finds_its_rows_by_an_index() {
        let server = Server::shared();
        let name = server.database();
        let url = server.url(&name);
        let options = PostgresOptions::parse(&url.as_str().into()).expect("a URL");
        let store = PostgresStore::connect(options).await.expect("a store");
        store.open(16, Uuid::nil()).await.expect("open");
        store.close().await;
        server.sql(&name, FILL);
        let mut connection = PgConnection::connect(&url).await.expect("a session");
        // As in a session of ours, and as where a plan is kept whatever the values are.
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let set = format!("SET plan_cache_mode = {mode}");
            connection.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.expect("set");
            for (file, text) in ALL {
                let plan = plan(&mut connection, text).await;
                let scanned = GROWING.iter().any(|table| plan.contains(&format!("Seq Scan on {table}")));
                assert!(!scanned || READERS_OF_ALL.contains(file), "{file}, {mode}:\n{plan}");
            }
        }
    }
}
