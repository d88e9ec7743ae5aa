//! Events per second over a sliding window.

use tokio::time::Instant;

/// Seconds in one bucket of the window.
const BUCKET_SECONDS: u64 = 5;

/// Buckets in the window: 30 seconds, the window of the original's `tasks_add_rate`.
const BUCKETS: usize = 6;

/// Counts events in a ring of buckets.
#[derive(Debug)]
pub(crate) struct RateWindow {
    born: Instant,
    /// The number of the newest bucket since `born`.
    newest: u64,
    counts: [u32; BUCKETS],
}

impl RateWindow {
    pub(crate) fn new(now: Instant) -> Self {
        Self { born: now, newest: 0, counts: [0; BUCKETS] }
    }

    /// Counts one event.
    pub(crate) fn add(&mut self, now: Instant) {
        let slot = self.advance(now);
        self.counts[slot] = self.counts[slot].saturating_add(1);
    }

    /// Takes one event back, from the newest bucket that has any.
    pub(crate) fn undo(&mut self, now: Instant) {
        self.advance(now);
        for back in 0..BUCKETS as u64 {
            let Some(number) = self.newest.checked_sub(back) else { return };
            let count = &mut self.counts[(number % BUCKETS as u64) as usize];
            if *count > 0 {
                *count -= 1;
                return;
            }
        }
    }

    /// Events per second over the window, or over the time since the start where that is shorter.
    pub(crate) fn per_second(&mut self, now: Instant) -> f32 {
        self.advance(now);
        let total: u64 = self.counts.iter().map(|&count| u64::from(count)).sum();
        let age = now.saturating_duration_since(self.born);
        // The newest bucket is only partly over; the oldest is dropped whole.
        let partial = age.as_secs_f32() - (self.newest * BUCKET_SECONDS) as f32;
        let window = ((BUCKETS - 1) as u64 * BUCKET_SECONDS) as f32 + partial;
        total as f32 / window.min(age.as_secs_f32()).max(1.0)
    }

    fn advance(&mut self, now: Instant) -> usize {
        let number = now.saturating_duration_since(self.born).as_secs() / BUCKET_SECONDS;
        if number > self.newest {
            for passed in 1..=(number - self.newest).min(BUCKETS as u64) {
                self.counts[((self.newest + passed) % BUCKETS as u64) as usize] = 0;
            }
            self.newest = number;
        }
        (self.newest % BUCKETS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn counts_fade_out_with_the_window() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rate = RateWindow::new(start);
        for _ in 0..50 {
            rate.add(start);
        }
        assert_eq!(rate.per_second(at(10)), 5.0);
        assert_eq!(rate.per_second(at(25)), 2.0);
        assert_eq!(rate.per_second(at(30)), 0.0);
        rate.add(at(31));
        rate.undo(at(36));
        assert_eq!(rate.per_second(at(36)), 0.0);
        rate.add(at(36));
        assert_eq!(rate.per_second(at(500)), 0.0);
    }

    #[test]
    fn undo_without_events_does_nothing() {
        let start = Instant::now();
        let mut rate = RateWindow::new(start);
        rate.undo(start);
        assert_eq!(rate.per_second(start), 0.0);
    }
}
