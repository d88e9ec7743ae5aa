//! Every statement is prepared, and finds its rows by an index.

use sqlx::{AssertSqlSafe, Connection, Either, Executor, PgConnection, Row, SqlSafeStr};

use crate::store::conformance::PostgresPlace;
use crate::store::postgres::statements::ALL;

/// Rows as they are after some months of some cells.
const FILL: &str = "
    INSERT INTO shards (cell_id, incarnation, shard, watermark, sealed_until_ms, written_at_ms, objects)
        SELECT int8send(n / 64), gen_random_uuid(), n % 64, 1, NULL, 0, 1 FROM generate_series(1, 2000) n;
    INSERT INTO owners SELECT 1 + n % 2000, gen_random_uuid(), int8send(n), int8send(n % 500), '', '{}', 1, 1
        FROM generate_series(1, 40000) n;
    INSERT INTO standing SELECT shard_id, namespace_id, 2, 7 FROM owners;
    INSERT INTO open_hours SELECT shard_id, hour, namespace_id, 2, 7, 7 FROM owners, generate_series(1, 2) hour;
    INSERT INTO cube SELECT n % 720, gen_random_uuid(), 1, int8send(n % 2000), 'start_timer', '', '{}', 'a',
        int8send(n % 500), 7 FROM generate_series(1, 100000) n;
    ANALYZE";

const GROWING: [&str; 5] = ["shards", "owners", "standing", "open_hours", "cube"];

/// Reads all there is, for it is asked for all.
const READERS_OF_ALL: [&str; 1] = ["select_shards.sql"];

/// Values as the engine gives them: lists of three.
fn value(type_name: &str) -> String {
    let (base, list) = type_name.strip_suffix("[]").map_or((type_name, false), |base| (base, true));
    let one = match base {
        "INT8" => "7",
        "UUID" => "'00000000-0000-0000-0000-000000000007'",
        "BYTEA" => "'acme1'",
        "TEXT" => "'7'",
        other => panic!("a value of type {other}"),
    };
    if list { format!("ARRAY[{one},{one},{one}]::{base}[]") } else { format!("{one}::{base}") }
}

async fn plan(connection: &mut PgConnection, text: &'static str) -> String {
    let prepared = connection.prepare(text.into_sql_str()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{error} in: {text}"));
    let Some(Either::Left(types)) = sqlx::Statement::parameters(&prepared) else {
        panic!("no types of {text}")
    };
    let values: Vec<String> = types.iter().map(|of| value(&of.to_string())).collect();
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let script = format!("DEALLOCATE ALL; PREPARE looked AS {text}");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await.unwrap();
    let explain = format!("EXPLAIN EXECUTE looked{values}");
    let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(explain))).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error} in: {text} with {values}"));
    rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
}

#[tokio::test]
async fn every_statement_is_prepared_and_finds_its_rows_by_an_index() {
    let place = PostgresPlace::new().await;
    place.sql(FILL);
    let url = atoll_test_postgres::Server::shared().url(place.name());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    // As in a session of ours, and as where a plan is kept whatever the values are.
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.unwrap();
        for (file, text) in ALL {
            let plan = plan(&mut connection, text).await;
            let scanned = GROWING.iter().any(|table| plan.contains(&format!("Seq Scan on {table}")));
            assert!(!scanned || READERS_OF_ALL.contains(file), "{file}, {mode}:\n{plan}");
            // Listings of ours walk an index in order: a page reads what it shows.
            let sorted = plan.contains("Sort") && file.starts_with("list");
            assert!(!sorted || mode == "force_generic_plan", "{file}, {mode}:\n{plan}");
        }
    }
}
