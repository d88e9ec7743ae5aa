//! Many seeds, some at once.

use crate::simulation::{Outcome, run};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs seeds, so many at once: each is as much as one processor does. `ended` hears of each as it ends, in no order.
pub fn run_all(seeds: Range<u64>, jobs: usize, ended: impl Fn(Outcome) + Sync) {
    let next = AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    ended(run(seed, false));
                }
            });
        }
    });
}
