//! Watches loops that are to run as long as the node: one that ends or panics is begun again, and health says so.
//!
//! To add a loop to a node, run it inside [`Keeper::keep`]. What a loop's failure means for others (a shard's memory can
//! not be trusted after a panic) is up to whoever runs it.

use crate::failures::{Failures, LIMIT};
use crate::guard::panic_text;
use futures::FutureExt;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pause before a loop that failed is begun again.
const PAUSE: Duration = Duration::from_secs(1);

/// The loops of a node that have failed.
#[derive(Default)]
pub struct Keeper {
    failed: Mutex<BTreeMap<String, Failed>>,
}

struct Failed {
    failures: Failures,
    why: String,
    stopped: bool,
}

impl Keeper {
    /// Runs a loop until `stop`. Whenever it ends before that or panics, `failed` is told why, and it is begun again
    /// after a pause; after five failures within ten minutes it is left alone, and health goes on saying so.
    pub async fn keep<Loop: Future<Output = ()>>(
        &self,
        name: &str,
        stop: &CancellationToken,
        failed: impl Fn(&str),
        begin: impl Fn() -> Loop,
    ) {
        loop {
            let ended = AssertUnwindSafe(async { begin().await }).catch_unwind().await;
            if stop.is_cancelled() {
                return;
            }
            let why = match ended {
                Ok(()) => "it ended by itself".to_owned(),
                Err(panic) => panic_text(&*panic),
            };
            let goes_on = self.note(name, &why);
            tracing::error!(name, why, goes_on, "a loop of the node failed");
            failed(&why);
            if !goes_on {
                return;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    fn note(&self, name: &str, why: &str) -> bool {
        let mut all = self.failed.lock();
        let failed = all.entry(name.to_owned()).or_insert_with(|| Failed {
            failures: Failures::default(),
            why: String::new(),
            stopped: false,
        });
        why.clone_into(&mut failed.why);
        failed.stopped |= !failed.failures.note(Instant::now());
        !failed.stopped
    }

    /// Whether a loop was left alone because it failed again and again.
    pub fn has_given_up(&self) -> bool {
        self.failed.lock().values().any(|failed| failed.stopped)
    }

    /// What a person should know of the loops: those that were stopped, and those that failed in the last ten minutes.
    pub fn problems(&self) -> Vec<String> {
        let now = Instant::now();
        let mut all = self.failed.lock();
        let problem = |(name, failed): (&String, &mut Failed)| {
            let recent = failed.failures.recent(now);
            let why = &failed.why;
            if failed.stopped {
                Some(format!("the {name} loop was stopped after {LIMIT} failures: {why}"))
            } else {
                (recent > 0).then(|| format!("the {name} loop failed {recent} times of late: {why}"))
            }
        };
        all.iter_mut().filter_map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_or_ends_is_begun_again_and_told() {
        let (keeper, stop) = (Arc::new(Keeper::default()), CancellationToken::new());
        let (begun, told) = (AtomicU32::new(0), Mutex::new(Vec::new()));
        let begin = || async {
            match begun.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("a mistake"),
                1 => {}
                _ => stop.cancelled().await,
            }
        };
        let kept = keeper.keep("test", &stop, |why| told.lock().push(why.to_owned()), begin);
        let ends = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(keeper.problems(), ["the test loop failed 2 times of late: it ended by itself"]);
            stop.cancel();
        };
        tokio::join!(kept, ends);
        assert_eq!(begun.load(Ordering::Relaxed), 3);
        assert_eq!(*told.lock(), ["a mistake", "it ended by itself"]);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(keeper.problems(), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_again_and_again_is_left_alone_and_never_forgotten() {
        let (keeper, stop) = (Keeper::default(), CancellationToken::new());
        assert!(!keeper.has_given_up());
        keeper.keep("test", &stop, |_| {}, || async { panic!("again") }).await;
        assert!(keeper.has_given_up());
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        assert_eq!(keeper.problems(), ["the test loop was stopped after 5 failures: again"]);
    }
}
