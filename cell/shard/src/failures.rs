//! How often something failed of late.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// As many failures within the window end the attempts: what fails so often needs a person.
pub(crate) const LIMIT: usize = 5;
/// Failures older than this are forgotten.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);

/// The failures of something within the window.
#[derive(Debug, Default)]
pub(crate) struct Failures(VecDeque<Instant>);

impl Failures {
    /// Notes a failure; answers whether another attempt may follow.
    pub(crate) fn note(&mut self, now: Instant) -> bool {
        self.recent(now);
        self.0.push_back(now);
        self.0.len() < LIMIT
    }

    /// How many there were within the window.
    pub(crate) fn recent(&mut self, now: Instant) -> usize {
        while self.0.pop_front_if(|at| now.duration_since(*at) >= WINDOW).is_some() {}
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_fifth_within_the_window_is_the_last() {
        let mut failures = Failures::default();
        let start = Instant::now();
        let minute = |n: u64| start + Duration::from_secs(60 * n);
        assert!((0..4).all(|n| failures.note(minute(n))));
        assert_eq!(failures.recent(minute(9)), 4);
        assert!(failures.note(minute(10)), "the first is forgotten by then");
        assert!(!failures.note(minute(10)));
        assert_eq!(failures.recent(minute(30)), 0);
    }
}
