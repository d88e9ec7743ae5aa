//! How often something failed of late, and when it may be tried again.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// What fails so often within the window needs a person: until one has looked, attempts are few.
pub(crate) const LIMIT: usize = 5;
/// Failures older than this are forgotten.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);
/// Failures that are remembered: tasks of which many fail come to no more.
const MOST: usize = 1_000;
/// Pause before an attempt that follows a failure.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);
/// The same after as many failures as the limit: so long that what fails every time costs next to nothing, and so short
/// that the window always holds as many.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause before a shard that could not be read is tried again. Each attempt may leave an ownership record of some 100
/// bytes.
pub(crate) const DAMAGED_PAUSE: Duration = Duration::from_secs(600);

/// The failures of something within the window.
#[derive(Debug, Default)]
pub(crate) struct Failures(VecDeque<Instant>);

impl Failures {
    /// Notes a failure; answers how long the next attempt waits. There always is a next one.
    pub(crate) fn note(&mut self, now: Instant) -> Duration {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.pause(now)
    }

    /// How long an attempt waits.
    pub(crate) fn pause(&mut self, now: Instant) -> Duration {
        if self.are_too_many(now) { LONGEST_PAUSE } else { PAUSE }
    }

    /// How many there were within the window.
    pub(crate) fn recent(&mut self, now: Instant) -> usize {
        while self.0.pop_front_if(|at| now.duration_since(*at) >= WINDOW).is_some() {}
        self.0.len()
    }

    /// Whether there were so many within the window that a person should look.
    pub(crate) fn are_too_many(&mut self, now: Instant) -> bool {
        self.recent(now) >= LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn from_the_fifth_within_the_window_on_attempts_are_few_and_never_end() {
        let mut failures = Failures::default();
        let start = Instant::now();
        let minute = |n: u64| start + Duration::from_secs(60 * n);
        assert!((0..4).all(|n| failures.note(minute(n)) == PAUSE));
        assert_eq!(failures.recent(minute(9)), 4);
        assert_eq!(failures.note(minute(10)), PAUSE, "the first is forgotten by then");
        assert!((10..1_000).all(|n| failures.note(minute(n)) == LONGEST_PAUSE));
        (0..2 * MOST).for_each(|_| _ = failures.note(minute(1_000)));
        assert_eq!(failures.recent(minute(1_000)), MOST);
        assert!(failures.are_too_many(minute(1_004)));
        assert_eq!(failures.recent(minute(1_030)), 0);
        assert_eq!(failures.note(minute(1_030)), PAUSE);
    }
}
