//! Reads from the store: how often one is made again while the store is away, and what is read one by one.
//!
//! What the store refuses to read, for its bytes are damaged, is the trouble of what was asked for alone: what was
//! asked for together is asked for one by one then.

use crate::damage::or_damage;
use cell_store::StoreError;
use std::time::Duration;

/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a read of a takeover is tried. A store that fails one read in five fails a read for good about once in ten
/// million; one that is away fails it after six seconds, and the whole takeover is tried again.
const TAKEOVER_TRIES: u32 = 10;

/// How reads are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reads {
    tries: u32,
    first_pause: Duration,
}

impl Reads {
    /// Once: whoever asked asks again.
    pub(crate) const ONCE: Self = Self { tries: 1, first_pause: Duration::ZERO };

    /// Of a takeover, which would otherwise begin again from its start with every read that fails.
    pub(crate) fn of_takeover(first_pause: Duration) -> Self {
        Self { tries: TAKEOVER_TRIES, first_pause }
    }

    /// Reads what is wanted, in order: what stands there, if anything does, or why it cannot be read. An error says
    /// nothing of any of it.
    pub(crate) async fn each<'a, K, V, Reading>(
        self,
        wanted: &'a [K],
        read: impl Fn(&'a [K]) -> Reading,
    ) -> Result<Vec<Result<Option<V>, String>>, StoreError>
    where
        Reading: Future<Output = Result<Vec<Option<V>>, StoreError>>,
    {
        match or_damage(self.run(|| read(wanted)).await)? {
            Ok(found) => return Ok(found.into_iter().map(Ok).collect()),
            Err(why) if wanted.len() == 1 => return Ok(vec![Err(why)]),
            Err(_) => {}
        }
        let mut all = Vec::with_capacity(wanted.len());
        for one in wanted.chunks(1) {
            let found = or_damage(self.run(|| read(one)).await)?;
            all.push(found.map(|mut found| found.pop().flatten()));
        }
        Ok(all)
    }

    /// Makes a read, again where the store is away; other errors are answered at once.
    pub(crate) async fn run<T, Reading>(self, read: impl Fn() -> Reading) -> Result<T, StoreError>
    where
        Reading: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = self.first_pause;
        for _ in 1..self.tries {
            match read().await {
                Err(StoreError::Unavailable(error)) => {
                    tracing::debug!(error, "the store is away: reading again");
                    tokio::time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(2 * pause);
                }
                answer => return answer,
            }
        }
        read().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    /// Reads that fail so often, and what came of it after how many and how long.
    async fn failing(times: u32, error: StoreError) -> (Result<u32, StoreError>, u32, Duration) {
        let (made, began) = (Cell::new(0), Instant::now());
        let reads = Reads::of_takeover(Duration::from_millis(50));
        let read = || {
            made.set(made.get() + 1);
            let answer = if made.get() > times { Ok(made.get()) } else { Err(error.clone()) };
            async move { answer }
        };
        let answer = reads.run(read).await;
        (answer, made.get(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_is_asked_again_after_longer_and_longer() {
        let away = StoreError::Unavailable("away".into());
        let (answer, made, took) = failing(4, away.clone()).await;
        assert_eq!((answer.ok(), made), (Some(5), 5));
        assert_eq!(took.as_millis(), 50 + 100 + 200 + 400);
        let (answer, made, took) = failing(100, away).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
        assert_eq!((made, took.as_secs()), (TAKEOVER_TRIES, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_second_try_mends_is_answered_at_once() {
        let (answer, made, _) = failing(100, StoreError::Corrupt("page".into())).await;
        assert!(matches!(answer, Err(StoreError::Corrupt(_))));
        assert_eq!(made, 1);
    }
}
