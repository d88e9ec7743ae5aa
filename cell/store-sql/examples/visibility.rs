//! What the usual lists and counts take of many records: `sqlite RECORDS` or `postgres RECORDS`.
//!
//! Loads as many records through the store, all but a thousand of them closed, five of six in one namespace, with three
//! search attributes each; then asks what users ask. PostgreSQL, a server of this program's own, says how many pages of
//! 8 KiB a question has looked at. SQLite does not: its times stand for them.

#![allow(clippy::disallowed_methods, reason = "what is measured is the machine's time")]
#![allow(clippy::print_stdout, reason = "a program that says what it measured")]

use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Server, Settings};
use bytes::Bytes;
use cell_store_sql::{PostgresVisibility, SqliteOptions, SqliteVisibility};
use cell_visibility::{
    AttributeType, Attributes, ExecutionStatus, ListRequest, RecordId, Schema, Scope, Value,
    VisibilityRecord, VisibilityStore, compile_count,
};
use std::time::{Duration, Instant};
use uuid::Uuid;

const NAMESPACE: Uuid = Uuid::from_u128(0xa);
const OTHER: Uuid = Uuid::from_u128(0xb);
const SECOND: i64 = 1_000_000_000;
/// 2024-01-01T00:00:00Z; a run starts every second from then on.
const BEGIN: i64 = 1_704_067_200 * SECOND;
const RUNNING: i64 = 1_000;
const BATCH: i64 = 1_000;
const PAGE: usize = 20;
/// How often a question is asked: the median counts.
const TIMES: usize = 5;

/// Questions; those that end with a group are counts, as is what begins with `count`.
const QUESTIONS: [&str; 16] = [
    "",
    "ExecutionStatus = 'Running'",
    "ExecutionStatus = 'Failed' AND StartTime > '2024-01-03T00:00:00Z'",
    "ExecutionStatus = 'Failed' AND CloseTime < '2024-01-02T00:00:00Z'",
    "CloseTime BETWEEN '2024-01-02T00:00:00Z' AND '2024-01-02T01:00:00Z'",
    "WorkflowType = 'Old'",
    "WorkflowId = 'order-7777'",
    "Customer = 'customer-77'",
    "Region = 'old'",
    "Region = 'old' AND Builds = 'one'",
    "count ExecutionStatus = 'Running'",
    "count Customer = 'customer-77'",
    "count Region = 'old'",
    "count CloseTime BETWEEN '2024-01-02T00:00:00Z' AND '2024-01-02T01:00:00Z' GROUP BY ExecutionStatus",
    "count WorkflowType = 'Old' GROUP BY ExecutionStatus",
    "count GROUP BY ExecutionStatus",
];

fn record(n: i64, of: i64) -> VisibilityRecord {
    let start_time = BEGIN + n * SECOND;
    let open = n > of - RUNNING;
    let old = n < of / 4;
    let status = match n % 50 {
        _ if open => ExecutionStatus::Running,
        1 => ExecutionStatus::Failed,
        _ => ExecutionStatus::Completed,
    };
    let closed = |value| (!open).then_some(value);
    let keyword = |text: &str| Value::Keyword(text.to_owned());
    let search_attributes = Attributes::from([
        ("Customer".to_owned(), keyword(&format!("customer-{}", n % 50_000))),
        ("Region".to_owned(), keyword(if old { "old" } else { ["a", "b", "c"][(n % 3) as usize] })),
        ("Builds".to_owned(), Value::KeywordList(vec!["one".to_owned()])),
    ]);
    VisibilityRecord {
        namespace_id: if n % 6 == 0 { OTHER } else { NAMESPACE },
        workflow_id: format!("order-{n}"),
        // Ids are in no order.
        id: RecordId::Run(Uuid::from_u128(
            (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
        )),
        workflow_type: if old { "Old".to_owned() } else { format!("Type{}", n % 7) },
        task_queue: "queue".to_owned(),
        start_time,
        execution_time: start_time,
        close_time: closed(start_time + 5 * SECOND),
        status,
        history_length: closed(11),
        history_size_bytes: closed(2_000),
        state_transition_count: closed(6),
        execution_duration: closed(5 * SECOND),
        parent: None,
        root: None,
        division: None,
        memo: Bytes::from_static(&[b'm'; 100]),
        search_attributes,
        position: n as u64 + 1,
    }
}

/// How many records were shown or counted.
async fn ask(store: &dyn VisibilityStore, question: &str) -> anyhow::Result<u64> {
    let schema = Schema::with_custom([
        ("Customer", AttributeType::Keyword),
        ("Region", AttributeType::Keyword),
        ("Builds", AttributeType::KeywordList),
    ]);
    let filter = question.strip_prefix("count").map_or(question, str::trim_start);
    let query = compile_count(filter, &schema, Scope::Default)?;
    if question.starts_with("count") {
        return Ok(store.count(NAMESPACE, &query.predicate, query.group_by.as_ref()).await?.total);
    }
    let request =
        ListRequest { namespace_id: NAMESPACE, predicate: &query.predicate, page_size: PAGE, after: None };
    Ok(store.list(request).await?.records.len() as u64)
}

async fn measure(
    store: &dyn VisibilityStore,
    records: i64,
    ready: impl FnOnce(),
    pages: impl Fn() -> Option<u64>,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    for first in (0..records).step_by(BATCH as usize) {
        let batch: Vec<_> = (first..records.min(first + BATCH)).map(|n| record(n, records)).collect();
        store.upsert(&batch).await?;
    }
    println!("{records} records were written in {:.1} s", begin.elapsed().as_secs_f64());
    ready();
    println!("| question | records | pages | median ms |\n|---|---|---|---|");
    for question in QUESTIONS {
        let (mut times, mut found) = (Vec::new(), 0);
        let before = pages();
        for _ in 0..TIMES {
            let begin = Instant::now();
            found = ask(store, question).await?;
            times.push(begin.elapsed());
        }
        let taken = before.zip(pages()).map(|(before, after)| (after - before) / TIMES as u64);
        times.sort_unstable();
        let taken = taken.map_or_else(String::new, |pages| pages.to_string());
        let median: Duration = times[TIMES / 2];
        println!("| `{question}` | {found} | {taken} | {:.1} |", median.as_secs_f64() * 1e3);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["sqlite", records] => {
            let directory = tempfile::TempDir::new()?;
            let path = directory.path().join("visibility.db");
            let store = SqliteVisibility::connect(SqliteOptions::new(&path)).await?;
            measure(&store, records.parse()?, || (), || None).await?;
            println!("{} MB", std::fs::metadata(path)?.len() >> 20);
        }
        ["postgres", records] => {
            let set = [("shared_preload_libraries", "pg_stat_statements"), ("max_wal_size", "8GB")];
            let server = Server::start(&Settings { set: &set, tls: None });
            let name = server.database();
            server.sql(&name, "CREATE EXTENSION pg_stat_statements");
            let options = PostgresOptions::parse(&server.url(&name).as_str().into())?;
            let store = PostgresVisibility::connect(options).await?;
            // As autovacuum leaves the tables.
            let ready = || drop(server.sql(&name, "VACUUM (ANALYZE)"));
            let pages = || {
                let counted = "SELECT sum(shared_blks_hit + shared_blks_read) FROM pg_stat_statements \
                               WHERE query LIKE '%FROM record AS r%'";
                Some(server.sql(&name, counted).parse().unwrap_or(0))
            };
            measure(&store, records.parse()?, ready, pages).await?;
            println!("{} MB", server.sql(&name, "SELECT pg_database_size(current_database()) >> 20"));
        }
        _ => anyhow::bail!("sqlite RECORDS, or postgres RECORDS"),
    }
    Ok(())
}
