//! A store that does not take an append: told when it begins, now and then while it lasts, and when it is over.

use cell_store::StoreError;
use std::time::Duration;
use tokio::time::Instant;

/// How often a lasting outage is told again.
const REMIND: Duration = Duration::from_secs(30);
/// An outage of so long does not pass by itself, as far as anybody knows: the cell is unwell.
const LASTING: Duration = Duration::from_secs(10);

/// The failed attempts of the append that is being made.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    attempts: u64,
    since: Option<Instant>,
    told: Option<Instant>,
    /// What the last attempt failed of.
    why: String,
}

impl Outage {
    /// Notes a failed attempt. A full store needs a person; another failure may pass.
    pub(crate) fn failed(&mut self, error: &StoreError, now: Instant) {
        self.attempts += 1;
        self.why = error.to_string();
        let since = *self.since.get_or_insert(now);
        if !self.is_due(now) {
            return;
        }
        self.told = Some(now);
        let (attempts, seconds) = (self.attempts, now.duration_since(since).as_secs());
        match error {
            StoreError::Full(_) => {
                tracing::error!(%error, attempts, seconds, "append failed: new commands are refused until there is room");
            }
            _ => tracing::warn!(%error, attempts, seconds, "append failed, writing the same rows again"),
        }
    }

    /// Notes that the append is in.
    pub(crate) fn over(&mut self, now: Instant) {
        if let Some(since) = self.since {
            let seconds = now.duration_since(since).as_secs();
            tracing::info!(attempts = self.attempts, seconds, "the store takes appends again");
        }
        self.given_up();
    }

    /// Notes that the append is made no more.
    pub(crate) fn given_up(&mut self) {
        *self = Self::default();
    }

    /// What a person should know.
    pub(crate) fn problem(&self, now: Instant) -> Option<String> {
        let seconds = now.duration_since(self.since?).as_secs();
        Some(format!("the store has taken nothing for {seconds} s: {}", self.why))
    }

    /// Whether it has gone on for longer than what passes by itself.
    pub(crate) fn lasts(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) >= LASTING)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.told.is_none_or(|told| now.duration_since(told) >= REMIND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_outage_is_told_at_its_start_and_at_intervals() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        let error = StoreError::Unavailable("away".into());
        let mut told = 0;
        for step in 0..100 {
            let now = start + step * Duration::from_secs(1);
            told += u32::from(outage.is_due(now));
            outage.failed(&error, now);
        }
        assert_eq!((told, outage.attempts), (4, 100));
    }
}
