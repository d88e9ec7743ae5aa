//! What decides everything in a simulation: one seed.

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use xxhash_rust::xxh3::Xxh3;

/// How a call over a seam of the cell goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Through, with its answer.
    Through,
    /// It fails and had no effect.
    Before,
    /// It takes effect, and its answer is lost.
    After,
}

/// How often what happens over a seam, as probabilities from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// A call fails without effect.
    pub(crate) before: f64,
    /// A call takes effect and its answer is lost.
    pub(crate) after: f64,
    /// A call waits before it does anything, for up to `delay`.
    pub(crate) slow: f64,
    /// The longest wait of a slow call.
    pub(crate) delay: Duration,
}

/// Gives order, faults and kills by seed, and remembers what it gave. Shared by everything in one simulation; clones are
/// the same world.
#[derive(Clone)]
pub(crate) struct World {
    inner: Arc<Inner>,
}

struct Inner {
    random: Mutex<StdRng>,
    trace: Mutex<Trace>,
    life: Mutex<Life>,
    killed: Notify,
}

/// The life that the cell is in.
#[derive(Default)]
struct Life {
    /// Steps taken since the cell was started.
    steps: u64,
    /// The step at which it is killed; `None` where it is not.
    ends_at: Option<u64>,
    /// Whether it was killed: nothing that waits at a seam goes on.
    over: bool,
}

#[derive(Default)]
struct Trace {
    hash: Xxh3,
    steps: u64,
    /// Lines to print; `None` where nobody wants them.
    lines: Option<Vec<String>>,
}

impl World {
    /// The world of a seed; `traced` keeps its steps for printing.
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        let trace = Trace { lines: traced.then(Vec::new), ..Trace::default() };
        Self {
            inner: Arc::new(Inner {
                random: Mutex::new(StdRng::seed_from_u64(seed)),
                trace: Mutex::new(trace),
                life: Mutex::default(),
                killed: Notify::new(),
            }),
        }
    }

    /// Draws something.
    pub(crate) fn draw<R>(&self, draw: impl FnOnce(&mut StdRng) -> R) -> R {
        draw(&mut self.inner.random.lock())
    }

    /// True with this probability.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.draw(|random| random.random_bool(probability.min(1.0)))
    }

    /// A life begins; it ends at this step, or with the simulation.
    pub(crate) fn begin_life(&self, ends_at: Option<u64>) {
        *self.inner.life.lock() = Life { steps: 0, ends_at, over: false };
    }

    /// Resolves when the cell is to be killed.
    pub(crate) async fn killed(&self) {
        loop {
            let notified = self.inner.killed.notified();
            if self.inner.life.lock().over {
                return;
            }
            notified.await;
        }
    }

    /// One step over a seam: waits or fails as the weather has it; a step at which the cell is killed never ends.
    pub(crate) async fn step(&self, what: &str, weather: Weather) -> Fate {
        if self.count(what) {
            // Whoever waits here is dropped with its runtime.
            std::future::pending::<()>().await;
        }
        let (fate, wait, yields) = self.draw(|random| {
            let drawn: f64 = random.random();
            let fate = match drawn {
                _ if drawn < weather.before => Fate::Before,
                _ if drawn < weather.before + weather.after => Fate::After,
                _ => Fate::Through,
            };
            let slow = weather.slow > 0.0 && random.random_bool(weather.slow);
            let longest = u64::try_from(weather.delay.as_micros()).unwrap_or(u64::MAX).max(1);
            let wait =
                if slow { Duration::from_micros(random.random_range(0..longest)) } else { Duration::ZERO };
            (fate, wait, random.random_range(0..3_u8))
        });
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        if fate != Fate::Through {
            self.note(format_args!("{what}: {fate:?}"));
        }
        fate
    }

    /// Counts a step; whether the cell is dead at it.
    fn count(&self, what: &str) -> bool {
        let mut life = self.inner.life.lock();
        life.steps += 1;
        if !life.over && life.ends_at.is_some_and(|at| life.steps >= at) {
            life.over = true;
            self.inner.killed.notify_waiters();
        }
        let over = life.over;
        drop(life);
        self.note(format_args!("{what}"));
        over
    }

    /// Notes what happened, for the digest and the trace.
    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        let mut trace = self.inner.trace.lock();
        trace.steps += 1;
        let mut line = String::new();
        let _ = write!(line, "{what}");
        trace.hash.update(line.as_bytes());
        trace.hash.update(&[0]);
        let number = trace.steps;
        if let Some(lines) = &mut trace.lines {
            lines.push(format!("{number:>7} {line}"));
        }
    }

    /// A digest of everything that was noted.
    pub(crate) fn digest(&self) -> u64 {
        self.inner.trace.lock().hash.digest()
    }

    /// What was noted, where it was kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.inner.trace.lock().lines.clone().unwrap_or_default()
    }
}
