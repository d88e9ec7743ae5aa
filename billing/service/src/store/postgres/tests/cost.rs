//! Statements: each is prepared, and finds its rows by an index.

use atoll_test_postgres::Server;
use sqlx::{AssertSqlSafe, Connection, Either, Executor, PgConnection, Row, SqlSafeStr, Statement};

use super::{open, options};
use crate::store::postgres::statements::ALL;

/// Invoices of 400 accounts with 25 months each.
const FILL: &str = "
    INSERT INTO rating_runs SELECT 'run-' || n, 'acme' || n % 400, '2026-01', 1, '{}', 1
        FROM generate_series(0, 9999) n;
    INSERT INTO invoices SELECT 'inv-' || n, 'N' || n, 'acme' || n % 400, 'name', (2000 + n / 400) || '-01', 'draft', 1,
        'plan', 'card', 1, 'USD', 1, NULL, 'hash', 'run-' || n, 1, NULL FROM generate_series(0, 9999) n;
    INSERT INTO invoice_lines SELECT invoice_id, n, 'actions', 'code', 'what', 1, 1,
        CASE WHEN n = 2 THEN '2000-01' END, 1, 'unit', 'unit', 1, 1, 1 FROM invoices, generate_series(0, 4) n;
    INSERT INTO namespace_costs SELECT invoice_id, n, 'orders', 'actions', 1, 1 FROM invoices, generate_series(0, 4) n;
    UPDATE invoices SET status = 'finalized', finalized_at_ms = 1;
    INSERT INTO journal_entries SELECT invoice_id || ':finalized', account_id, invoice_id, 1, 2 FROM invoices;
    INSERT INTO postings SELECT entry_id, n, 'receivable', 'USD', n * 2 - 1 FROM journal_entries, generate_series(0, 1) n;
    ANALYZE";

const GROWING: [&str; 6] =
    ["rating_runs", "invoices", "invoice_lines", "namespace_costs", "journal_entries", "postings"];

/// Values as the engine gives them: lists of three.
fn value(type_name: &str) -> String {
    let (base, list) = type_name.strip_suffix("[]").map_or((type_name, false), |base| (base, true));
    let one = match base {
        "INT8" => "2",
        "BYTEA" | "TEXT" => "'2'",
        other => panic!("a value of type {other}"),
    };
    if list { format!("ARRAY[{one},{one},{one}]::{base}[]") } else { format!("{one}::{base}") }
}

/// The plan of a statement.
async fn plan(connection: &mut PgConnection, text: &'static str) -> String {
    let prepared = connection.prepare(text.into_sql_str()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{error} in: {text}"));
    let Some(Either::Left(types)) = prepared.parameters() else { panic!("no types of {text}") };
    let values: Vec<String> = types.iter().map(|of| value(&of.to_string())).collect();
    let script = format!("DEALLOCATE ALL; PREPARE looked AS {text}");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await.unwrap();
    let explain = format!("EXPLAIN EXECUTE looked({})", values.join(", "));
    let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(explain))).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error} in: {text} with {values:?}"));
    rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
}

#[tokio::test]
async fn every_statement_is_prepared_and_finds_its_rows_by_an_index() {
    let server = Server::shared();
    let name = server.database();
    open(options(server.url(&name))).await.close().await;
    server.sql(&name, FILL);
    let mut connection = PgConnection::connect(&server.url(&name)).await.unwrap();
    // As in a session of ours, and as where a plan is kept whatever the values are.
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.unwrap();
        for (file, text) in ALL {
            let plan = plan(&mut connection, text).await;
            let scanned = GROWING.iter().find(|table| plan.contains(&format!("Seq Scan on {table}")));
            assert_eq!(scanned, None, "{file}, {mode}:\n{plan}");
        }
    }
}
