//! Seeds of random tests. A test takes its seed from here, so that every one prints how to repeat it and can be told
//! which seed to take: `ATOLL_SEED=7 cargo test -p CRATE TEST`.
//!
//! Owns: where a seed comes from. Does not own: what a test draws from it. A dev-dependency only: nothing that ships
//! uses it.

use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};
use std::hash::{BuildHasher, RandomState};

/// Names the seed that every random test takes.
pub const VARIABLE: &str = "ATOLL_SEED";

/// The seed of a test: that of `ATOLL_SEED`, else a new one. Prints it; the output of a failing test is shown.
///
/// # Panics
///
/// When `ATOLL_SEED` is not a number of 64 bits.
pub fn seed() -> u64 {
    let seed = match std::env::var(VARIABLE) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{VARIABLE}={text} is not a number of 64 bits")),
        Err(_) => fresh(),
    };
    println!("{VARIABLE}={seed} repeats this");
    seed
}

/// A property test's configuration: so many cases, drawn from [`seed`]. What failed is kept beside the test's source
/// (`NAME.regressions`) and tried first from then on; such a file is worth committing.
pub fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed()),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

/// A number that differs from one process to the next.
#[allow(clippy::disallowed_types, reason = "the one place where a test's seed is random")]
fn fresh() -> u64 {
    RandomState::new().hash_one("a seed")
}
