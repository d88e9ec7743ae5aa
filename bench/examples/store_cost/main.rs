//! What one-activity workflows cost a cell on PostgreSQL, server and database together:
//! `cargo run --release -p atoll-bench --example store_cost -- --program target/release/atoll`.
//!
//! Starts a PostgreSQL of its own (every commit synced) and a cell on it. Without `--minutes` it runs one load and says
//! how many statements, write commits and bytes of write-ahead log a workflow takes. With `--minutes` it keeps a steady
//! load and says minute by minute what that takes, and at the end how large the tables and their indexes were at the
//! tenth minute and at the last, and draws memory and CPU.

mod cell;
mod database;
mod steady;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use atoll_bench::{BenchConfig, Report, WatchedProcess};
use clap::{Parser, ValueEnum};

use cell::Cell;
use database::{Counted, Database};

/// Workflows before those that count: connections, plans and files are there then.
const WARM_UP: u64 = 2_000;

#[derive(Parser)]
struct Line {
    /// The release build of `atoll`.
    #[arg(long, default_value = "target/release/atoll")]
    program: PathBuf,
    /// Workflows of the one load.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    workflows: u64,
    /// Workflows open at a time in the one load.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Where lists are.
    #[arg(long, value_enum, default_value_t = Lists::Database)]
    lists: Lists,
    /// Minutes of steady load instead of the one load.
    #[arg(long, value_parser = clap::value_parser!(u32).range(11..))]
    minutes: Option<u32>,
    /// Workflows per second of the steady load.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
}

/// Where the lists of the cell are.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lists {
    /// In a second database of the same server.
    Database,
    /// In a SQLite file.
    File,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let line = Line::parse();
    let database = Database::start();
    let cell = Cell::start(&line.program, &database, line.lists)?;
    let watch = vec![
        WatchedProcess { name: "server".into(), pid: cell.pid() },
        WatchedProcess { name: "database".into(), pid: database.pid() },
    ];
    atoll_bench::run(load(&cell, WARM_UP, Some(line.in_flight), None, &watch)).await?;
    match line.minutes {
        Some(minutes) => steady::run(&cell, &database, &watch, minutes, line.rate).await,
        None => {
            let before = database.mark();
            let config = load(&cell, line.workflows, Some(line.in_flight), None, &watch);
            let report = atoll_bench::run(config).await?;
            print!("{report}");
            say(&report, &database.since(&before));
            Ok(())
        }
    }
}

fn load(
    cell: &Cell,
    workflows: u64,
    in_flight: Option<usize>,
    rate: Option<f64>,
    watch: &[WatchedProcess],
) -> BenchConfig {
    BenchConfig {
        address: cell.address(),
        namespace: cell::NAMESPACE.to_owned(),
        api_key: None,
        workflows,
        in_flight: in_flight.unwrap_or(1),
        rate,
        activities: 1,
        pollers: 16,
        connections: 2,
        verify: 50,
        stall: Duration::from_secs(30),
        watch_lists: true,
        watch: watch.to_vec(),
    }
}

/// Per workflow. What verifies results, and what lists gather, is in it.
fn say(report: &Report, counted: &Counted) {
    let each = |sum: f64| sum / report.completed as f64;
    println!("statements         {:.2} per workflow", each(counted.statements));
    println!("write commits      {:.3} per workflow", each(counted.write_commits));
    println!("write-ahead log    {:.2} KB per workflow", each(counted.wal_bytes) / 1e3);
    println!("of it whole pages  {:.2} KB per workflow", each(counted.page_bytes) / 1e3);
}
