//! Measures the durable hot path of the SQLite engine: one append call after the other.
//!
//! `cargo run --release -p cell-store-sql --example append_bench [directory]`

#![allow(clippy::disallowed_methods)]

use cell_store::{Append, AppendOutcome, LogRow, ShardId, ShardStore};
use cell_store_sql::{SqliteOptions, SqliteStore, Synchronous};
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

const SHARDS: u32 = 8;
const CALLS: usize = 4_000;

fn main() {
    let parent = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!(
        "shards  bytes/row  synced  commits/s  CPU us/commit  p50 us  p99 us  max us  WAL+db bytes/commit"
    );
    for (shards, bytes) in [(1, 500), (1, 4_000), (4, 2_000), (8, 500), (8, 2_000), (8, 8_000), (8, 60_000)] {
        for synchronous in [Synchronous::Full, Synchronous::Off] {
            let directory = tempfile::TempDir::new_in(Path::new(&parent)).expect("a directory");
            let mut options = SqliteOptions::new(directory.path().join("cell.db"));
            options.synchronous = synchronous;
            options.allow_unsafe = true;
            runtime.block_on(measure(options, shards, bytes));
        }
    }
}

async fn measure(options: SqliteOptions, shards: u32, bytes: usize) {
    let synchronous = options.synchronous;
    let store = SqliteStore::connect(options).await.expect("a store");
    store.open(SHARDS, Uuid::nil()).await.expect("open");
    let all: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    let epoch = store.acquire(&all).await.expect("acquire")[0].epoch;
    let calls = CALLS * 2_000 / (2_000 + bytes * shards as usize / 8);
    let data = bytes::Bytes::from(vec![7u8; bytes]);
    let mut latencies = Vec::with_capacity(calls);
    let (cpu, written, begin) = (cpu_time(), bytes_written(), Instant::now());
    for seq in 1..=calls as u64 {
        let batch_id = Uuid::from_u128(u128::from(seq));
        let row = LogRow { seq, epoch, batch_id, data: data.clone(), ownership: false };
        let appends: Vec<Append> = (0..shards)
            .map(|shard| Append { shard: ShardId(shard), rows: vec![row.clone()], segments: Vec::new() })
            .collect();
        let started = Instant::now();
        let outcomes = store.append(&appends).await.expect("append");
        latencies.push(started.elapsed());
        assert!(outcomes.iter().all(|outcome| *outcome == AppendOutcome::Accepted));
    }
    let (elapsed, cpu, written) = (begin.elapsed(), cpu_time() - cpu, bytes_written() - written);
    store.close().await;
    latencies.sort();
    println!(
        "{shards:>6}  {bytes:>9}  {synchronous:>6}  {:>9.0}  {:>13.0}  {:>6}  {:>6}  {:>6}  {:>19}",
        calls as f64 / elapsed.as_secs_f64(),
        cpu.as_micros() as f64 / calls as f64,
        latencies[calls / 2].as_micros(),
        latencies[calls * 99 / 100].as_micros(),
        latencies[calls - 1].as_micros(),
        written / calls as u64,
        synchronous = format!("{synchronous:?}"),
    );
}

/// CPU time of this process, user and system.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().expect("user") + fields[12].parse::<u64>().expect("system");
    Duration::from_millis(ticks * 10)
}

/// Bytes that this process handed to write calls.
fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("Linux");
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).expect("wchar");
    line.parse().expect("a number")
}
