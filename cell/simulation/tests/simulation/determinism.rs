//! One seed takes the same steps in the same order, in whatever process.

use cell_simulation::run;
use std::process::Command;

/// Seeds that are compared.
const SEEDS: u64 = 24;

/// What a process of its own makes of the seeds.
fn digests(jobs: u64, environment: &[(&str, &str)]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cell-simulation"));
    command.args(["--digests", "--count", &SEEDS.to_string(), "--jobs", &jobs.to_string()]);
    let ran = command.envs(environment.iter().copied()).output().expect("the simulation runs");
    let printed = String::from_utf8(ran.stdout).expect("text");
    let mut lines: Vec<String> =
        printed.lines().filter(|line| line.contains(": digest ")).map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines.len() as u64, SEEDS, "{printed}");
    lines
}

#[test]
fn two_processes_take_the_same_steps() {
    let one = digests(1, &[]);
    // Another place of the stack, and another time zone, number of threads and place in the address space.
    let padding = "x".repeat(5_000);
    let other = digests(2, &[("TZ", "Asia/Kathmandu"), ("RUST_LOG", "trace"), ("PADDING", &padding)]);
    let differ: Vec<&String> = one.iter().filter(|line| !other.contains(line)).collect();
    assert!(differ.is_empty(), "other steps in another process: {differ:?}");
}

#[test]
fn one_process_takes_the_same_steps_twice() {
    for seed in 0..4 {
        let (first, second) = (run(seed, true), run(seed, true));
        let differ = first.trace.iter().zip(&second.trace).find(|(first, second)| first != second);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
    }
}
