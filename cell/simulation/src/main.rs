//! Runs seeds and says which of them broke a promise.

use cell_simulation::{Outcome, run, run_all};
use clap::Parser;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// Simulates whole cells, one a seed.
#[derive(Parser)]
struct Arguments {
    /// One seed, as printed by a failure.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints every step of it.
    #[arg(long)]
    trace: bool,
    /// The first of many seeds.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// How many at once; each is as much as one processor does.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Prints what each seed came to: the digest of its steps. The same in every process.
    #[arg(long)]
    digests: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        let outcome = run(seed, arguments.trace);
        outcome.trace.iter().for_each(|line| println!("{line}"));
        println!("seed {seed}: digest {:016x}, {:?}", outcome.digest, outcome.calls);
        return report(&outcome);
    }
    let seeds = arguments.from..arguments.from.saturating_add(arguments.count);
    let failed = AtomicU64::new(0);
    run_all(seeds, arguments.jobs, |outcome| {
        if arguments.digests {
            println!("seed {}: digest {:016x}", outcome.seed, outcome.digest);
        }
        if report(&outcome) == ExitCode::FAILURE {
            failed.fetch_add(1, Ordering::Relaxed);
        }
    });
    let failed = failed.into_inner();
    println!("{} seeds, {failed} failed", arguments.count);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(outcome: &Outcome) -> ExitCode {
    match outcome.failure() {
        None => ExitCode::SUCCESS,
        Some(text) => {
            println!("{text}");
            ExitCode::FAILURE
        }
    }
}
