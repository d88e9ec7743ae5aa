//! A steady load: does what it takes stay the same?

use anyhow::Result;
use atoll_bench::{Report, WatchedProcess, resident_bytes};

use crate::cell::Cell;
use crate::database::Database;
use crate::load;

/// The minute whose sizes are compared with those of the last: a checkpoint of every shard, and a vacuum, are behind.
const SETTLED: u32 = 10;

/// What one minute took.
struct Minute {
    report: Report,
    resident: f64,
}

/// Runs the load minute by minute and prints what each took, then sizes and a drawing.
pub(crate) async fn run(
    cell: &Cell,
    database: &Database,
    watch: &[WatchedProcess],
    minutes: u32,
    rate: f64,
) -> Result<()> {
    println!("minute  workflows/s  p50 ms  p99 ms  server CPU s/1,000  database  server MB");
    let mut past = Vec::new();
    let mut settled = Vec::new();
    for minute in 1..=minutes {
        let config = load(cell, (rate * 60.0) as u64, None, Some(rate), watch);
        let report = atoll_bench::run(config).await?;
        let resident = resident_bytes(cell.pid()).unwrap_or_default() as f64 / 1e6;
        let took = Minute { report, resident };
        println!(
            "{minute:>6}  {:>11.0}  {:>6.1}  {:>6.1}  {:>18.2}  {:>8.2}  {resident:>9.0}",
            took.report.workflows_per_second,
            took.report.start_to_result_ms.p50,
            took.report.start_to_result_ms.p99,
            took.cpu(0),
            took.cpu(1),
        );
        past.push(took);
        if minute == SETTLED {
            settled = database.sizes();
        }
    }
    println!("\ntable         MB at minute {SETTLED}, at {minutes}; indexes at {SETTLED}, at {minutes}");
    for (name, table, indexes) in database.sizes() {
        let before = settled.iter().find(|(settled, _, _)| *settled == name);
        let (was, indexes_were) = before.map_or((0.0, 0.0), |(_, table, indexes)| (*table, *indexes));
        let [was, is, were, are] = [was, table, indexes_were, indexes].map(|bytes| bytes / 1e6);
        println!("{name:<24} {was:>9.1} {is:>9.1} {were:>9.1} {are:>9.1}");
    }
    draw("resident megabytes of the server", &past, |minute| minute.resident);
    draw("CPU seconds of server and database per 1,000", &past, |minute| minute.cpu(0) + minute.cpu(1));
    Ok(())
}

impl Minute {
    /// CPU seconds per 1,000 workflows of a watched process.
    fn cpu(&self, index: usize) -> f64 {
        self.report.cpu_seconds_per_1000.get(index).map_or(0.0, |(_, seconds)| *seconds)
    }
}

/// A line chart as Mermaid draws it, for docs/PERFORMANCE.md.
fn draw(title: &str, past: &[Minute], value: impl Fn(&Minute) -> f64) {
    let values: Vec<f64> = past.iter().map(value).collect();
    let top = values.iter().copied().fold(0.0, f64::max) * 1.25;
    let points: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
    println!("\n```mermaid\nxychart-beta\n    title \"{title}\"");
    println!("    x-axis \"minute\" 1 --> {}\n    y-axis 0 --> {top:.2}", values.len());
    println!("    line [{}]\n```", points.join(", "));
}
