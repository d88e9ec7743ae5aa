//! A hundred seeds.

use cell_simulation::run;

/// The first seed and how many: other ones by `ATOLL_SEED` and `ATOLL_SEEDS`.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = number("ATOLL_SEED").unwrap_or(0);
    first..first + number("ATOLL_SEEDS").unwrap_or(100)
}

#[test]
fn a_cell_keeps_its_promises_whatever_happens() {
    let mut failed = Vec::new();
    let mut calls = 0;
    for seed in seeds() {
        let outcome = run(seed, std::env::var_os("ATOLL_TRACE").is_some());
        outcome.trace.iter().for_each(|line| println!("{line}"));
        calls += outcome.calls.iter().map(|(_, count)| count).sum::<u64>();
        if !outcome.broken.is_empty() {
            failed.push(format!("seed {seed}:\n  {}", outcome.broken.join("\n  ")));
        }
    }
    assert!(
        failed.is_empty(),
        "again: cargo run -p cell-simulation -- --seed N --trace\n{}",
        failed.join("\n")
    );
    assert!(calls > 20 * seeds().count() as u64, "the simulations hardly did anything: {calls} calls");
}
