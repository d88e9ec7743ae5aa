//! How statements find their rows.

use sqlx::{AssertSqlSafe, Connection, Either, Executor, PgConnection, Row, SqlSafeStr};

use super::*;
use crate::store::postgres::statements;
use crate::store::sql::Statement;

/// Rows as after some years: most namespaces are deleted, and most operations are started.
const FILL: &str = "
    INSERT INTO regions VALUES ('local', '');
    INSERT INTO cells (id, region, frontend, admin, token, capacity)
        SELECT 'cell' || n, 'local', '', '', '', 1000 FROM generate_series(1, 20) n;
    INSERT INTO accounts SELECT 'acct' || n, 'name' || n, n FROM generate_series(1, 4000) n;
    INSERT INTO principals SELECT 'p' || n, 'acct' || n % 4000 + 1, 'user', 'name' || n, '', '{}', 1, n
        FROM generate_series(1, 40000) n;
    INSERT INTO api_keys SELECT 'k' || n, 'acct' || n % 4000 + 1, 'p' || n, sha256(int8send(n)), '', '', 1, false, 1, '', n
        FROM generate_series(1, 40000) n;
    INSERT INTO namespaces SELECT gen_random_uuid(), 'n' || n || '.acct' || n % 4000 + 1, 'acct' || n % 4000 + 1, '',
        'local', '', '{}', CASE n % 20 WHEN 0 THEN 'active' ELSE 'deleted' END, 1, 1, 'cell' || n % 20 + 1, n % 20 = 0, '', n
        FROM generate_series(1, 40000) n;
    INSERT INTO operations (workflow_id, account_id, id, kind, subject, state, input_type, input, started, created_ms)
        SELECT 'o' || n, 'acct' || n % 4000 + 1, 'o' || n, '', '', 'fulfilled', '', '', n % 1000 > 0, n
        FROM generate_series(1, 40000) n;
    INSERT INTO audit_records (time_ms, account_id, actor, key_id, action, resource, operation_id)
        SELECT n, 'acct' || n % 4000 + 1, '', '', '', '', '' FROM generate_series(1, 40000) n;
    ANALYZE";

/// What there are many of. Of cells, regions, counters and what is about them there are few.
const GROWING: [&str; 6] =
    ["accounts", "principals", "api_keys", "namespaces", "operations", "audit_records"];

/// What reads all there is of what it is asked for.
const READERS_OF_ALL: [Statement; 1] = [Statement::ApiKeySet];

/// A value as the engine gives it.
fn value(type_name: &str) -> &'static str {
    match type_name {
        "INT8" => "2::int8",
        "FLOAT8" => "2::float8",
        "BOOL" => "true",
        "UUID" => "'00000000-0000-0000-0000-000000000007'::uuid",
        "BYTEA" => "'secret'::bytea",
        "TEXT" => "'acct7'::text",
        other => panic!("a value of type {other}"),
    }
}

async fn plan(connection: &mut PgConnection, text: &'static str) -> String {
    let prepared = connection.prepare(text.into_sql_str()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{error} in: {text}"));
    let Some(Either::Left(types)) = sqlx::Statement::parameters(&prepared) else {
        panic!("no types of {text}")
    };
    let values: Vec<&str> = types.iter().map(|of| value(&of.to_string())).collect();
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
    let (name, place) = database();
    place.open().await.close().await;
    Server::shared().sql(&name, FILL);
    let mut connection = PgConnection::connect(place.url.expose()).await.expect("a session");
    let shared = Statement::ALL.iter().map(|statement| {
        (format!("{statement:?}"), statement.postgres(), READERS_OF_ALL.contains(statement))
    });
    let own = statements::ALL.iter().map(|(file, text)| ((*file).to_owned(), *text, false));
    let all: Vec<_> = shared.chain(own).collect();
    // As in a session of ours, and as where a plan is kept whatever the values are.
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.expect("set");
        for (name, text, reads_all) in &all {
            let plan = plan(&mut connection, text).await;
            let scanned = GROWING.iter().any(|table| plan.contains(&format!("Seq Scan on {table}")));
            assert!(!scanned || *reads_all, "{name}, {mode}:\n{plan}");
        }
    }
}
