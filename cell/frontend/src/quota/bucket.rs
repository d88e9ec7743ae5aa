use std::sync::atomic::{AtomicU64, Ordering};

/// A rate with a burst, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Nanoseconds that one call costs; none refuses every call.
    interval: Option<u64>,
    /// How far ahead of time the calls of a burst may run, nanoseconds.
    burst: u64,
}

impl Rate {
    /// `per_second` calls on average and `per_second * burst_ratio` (at least one) at once. Zero or less refuses all.
    pub(crate) fn new(per_second: f64, burst_ratio: f64) -> Self {
        if per_second.is_nan() || per_second <= 0.0 {
            return Self { interval: None, burst: 0 };
        }
        let interval = (1e9 / per_second) as u64;
        let calls = (per_second * burst_ratio.max(0.0)).max(1.0);
        Self { interval: Some(interval), burst: (calls * (1e9 / per_second)) as u64 }
    }
}

/// A token bucket in one word: the time at which it would be full again (generic cell rate algorithm).
#[derive(Default)]
pub(crate) struct Bucket {
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes one token at `now`, nanoseconds on any clock that does not run backwards; false when there is none.
    pub(crate) fn take(&self, rate: Rate, now: u64) -> bool {
        let Some(interval) = rate.interval else { return false };
        let take = |full_at: u64| {
            let next = full_at.max(now).saturating_add(interval);
            (next <= now.saturating_add(rate.burst)).then_some(next)
        };
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn taken(bucket: &Bucket, rate: Rate, now: u64) -> usize {
        (0..1_000).take_while(|_| bucket.take(rate, now)).count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (bucket, rate) = (Bucket::default(), Rate::new(100.0, 2.0));
        assert_eq!(taken(&bucket, rate, SECOND), 200);
        assert_eq!(taken(&bucket, rate, SECOND + SECOND / 10), 10);
        assert_eq!(taken(&bucket, rate, 60 * SECOND), 200);
    }

    #[test]
    fn edges() {
        assert_eq!(taken(&Bucket::default(), Rate::new(0.0, 2.0), SECOND), 0);
        assert_eq!(taken(&Bucket::default(), Rate::new(f64::NAN, 2.0), SECOND), 0);
        assert_eq!(taken(&Bucket::default(), Rate::new(0.5, 1.0), 0), 1);
        assert_eq!(taken(&Bucket::default(), Rate::new(1e12, 1.0), 0), 1_000);
    }
}
