//! Watches loops that are to run as long as the node: one that ends or panics is begun again, and health says so.
//!
//! To add a loop to a node, run it inside [`Keeper::keep`]. What a loop's failure means for others (a shard's memory
//! can not be trusted after a panic) is up to whoever runs it.

use super::failures::{Failures, LONGEST_PAUSE};
use crate::quarantine::guard::panic_text;
use futures::FutureExt;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The loops of a node that have failed.
#[derive(Default)]
pub struct Keeper {
    failed: Mutex<BTreeMap<String, Failed>>,
}

#[derive(Default)]
struct Failed {
    failures: Failures,
    why: String,
    /// Before it is begun again; none of what is no loop.
    pause: Option<Duration>,
}

impl Keeper {
    /// Runs a loop until `stop`. Whenever it ends before that or panics, `failed` is told why, and it is begun again
    /// after a pause: a second, or a minute where it failed five times within ten minutes, which health says. It is
    /// never left alone: what rests on it would not be done until the process is started anew.
    pub async fn keep<Loop: Future<Output = ()>>(
        &self,
        name: &str,
        stop: &CancellationToken,
        failed: impl Fn(&str),
        begin: impl Fn() -> Loop,
    ) {
        self.keep_pausing(LONGEST_PAUSE, name, stop, failed, begin).await;
    }

    /// As `keep`, with a pause of at most so long.
    pub(crate) async fn keep_pausing<Loop: Future<Output = ()>>(
        &self,
        longest: Duration,
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
            let pause = self.note(name, &why, longest);
            tracing::error!(name, why, ?pause, "a loop of the node failed");
            failed(&why);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Notes a failure; answers the pause before the loop is begun again.
    fn note(&self, name: &str, why: &str, longest: Duration) -> Duration {
        let mut all = self.failed.lock();
        let failed = all.entry(name.to_owned()).or_default();
        why.clone_into(&mut failed.why);
        let pause = failed.failures.note(Instant::now()).min(longest);
        failed.pause = Some(pause);
        pause
    }

    /// Notes the panic of one of many tasks of a kind, which no loop stands behind: health says so as of a loop's.
    pub fn note_panic(&self, name: &str, panic: &(dyn Any + Send)) {
        let why = panic_text(panic);
        tracing::error!(name, why, "a task of the node failed");
        let mut all = self.failed.lock();
        let failed = all.entry(name.to_owned()).or_default();
        failed.failures.note(Instant::now());
        failed.why = why;
    }

    /// Whether a loop fails again and again.
    pub fn is_failing(&self) -> bool {
        let now = Instant::now();
        self.failed.lock().values_mut().any(|failed| failed.failures.are_too_many(now))
    }

    /// What a person should know of the loops: those that failed in the last ten minutes.
    pub fn problems(&self) -> Vec<String> {
        let now = Instant::now();
        let mut all = self.failed.lock();
        let problem = |(name, failed): (&String, &mut Failed)| {
            let recent = failed.failures.recent(now);
            let why = &failed.why;
            let (what, rarely) = match failed.pause {
                Some(pause) if failed.failures.are_too_many(now) => {
                    ("loop", format!(" and is begun again every {} s", pause.as_secs()))
                }
                Some(_) => ("loop", String::new()),
                None => ("tasks", String::new()),
            };
            (recent > 0).then(|| format!("the {name} {what} failed {recent} times of late{rarely}: {why}"))
        };
        all.iter_mut().filter_map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::failures::PAUSE;
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
    async fn panics_of_tasks_are_told_as_those_of_loops_and_nothing_is_begun_again() {
        let keeper = Keeper::default();
        for _ in 0..4 {
            keeper.note_panic("test", &"a mistake");
        }
        assert!(!keeper.is_failing());
        keeper.note_panic("test", &"another");
        assert!(keeper.is_failing());
        assert_eq!(keeper.problems(), ["the test tasks failed 5 times of late: another"]);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(!keeper.is_failing());
        assert_eq!(keeper.problems(), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_again_and_again_is_begun_once_a_minute_until_it_runs() {
        let (keeper, stop) = (Keeper::default(), CancellationToken::new());
        let (begun, mended) = (AtomicU32::new(0), CancellationToken::new());
        let begin = || async {
            begun.fetch_add(1, Ordering::Relaxed);
            assert!(mended.is_cancelled(), "again");
            stop.cancelled().await;
        };
        let kept = keeper.keep("test", &stop, |_| {}, begin);
        let looks = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert!(!keeper.is_failing());
            tokio::time::sleep(Duration::from_secs(86_400)).await;
            assert!((1_440..=1_445).contains(&begun.load(Ordering::Relaxed)), "{begun:?}");
            assert!(keeper.is_failing());
            let problems = keeper.problems();
            let said = "the test loop failed 10 times of late and is begun again every 60 s: again";
            assert_eq!(problems, [said]);
            mended.cancel();
            tokio::time::sleep(Duration::from_secs(700)).await;
            assert!(!keeper.is_failing());
            assert_eq!(keeper.problems(), Vec::<String>::new());
            stop.cancel();
        };
        tokio::join!(kept, looks);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_others_wait_for_is_begun_again_as_soon_however_often_it_fails() {
        let (keeper, stop) = (Keeper::default(), CancellationToken::new());
        let begun = AtomicU32::new(0);
        let begin = || async {
            begun.fetch_add(1, Ordering::Relaxed);
            panic!("again");
        };
        let kept = keeper.keep_pausing(PAUSE, "test", &stop, |_| {}, begin);
        let looks = async {
            tokio::time::sleep(Duration::from_millis(99_500)).await;
            assert_eq!(begun.load(Ordering::Relaxed), 100);
            let said = "the test loop failed 100 times of late and is begun again every 1 s: again";
            assert_eq!(keeper.problems(), [said]);
            stop.cancel();
        };
        tokio::join!(kept, looks);
    }
}
