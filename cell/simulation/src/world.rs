//! What decides everything in a simulation: one seed.

use crate::plan::{Kill, Moment};
use cell_store::fault::Call;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The step that makes things durable.
const APPEND: &str = Call::Append.name();
/// The step between a write and its sync.
const SYNC: &str = "sync";
/// How often a sync takes longer, and for how long at most.
const SLOW_SYNC: (f64, Duration) = (0.3, Duration::from_millis(20));

/// How a call over a seam of the cell goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Through, with its answer.
    Through,
    /// It fails and had no effect.
    Before,
    /// It takes effect, and its answer is lost.
    After,
    /// It takes effect, and the cell is gone before it hears so.
    Last,
}

/// Whether a step is taken.
enum Go {
    On,
    /// It is the cell's last one.
    Once,
    Nowhere,
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

/// Gives order, faults and kills by seed, and remembers what it gave. Shared by everything in one simulation; clones
/// are the same world.
#[derive(Clone)]
pub(crate) struct World {
    inner: Arc<Inner>,
}

struct Inner {
    random: Mutex<StdRng>,
    trace: Mutex<Trace>,
    life: Mutex<Life>,
    killed: Notify,
    /// Told at every append.
    appends: Notify,
    /// How often calls met something, by call and by what it was.
    met: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

/// Takes in text without keeping it: most of it nobody reads.
struct Hashed<'a>(&'a mut Xxh3);

impl fmt::Write for Hashed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// The life that the cell is in.
#[derive(Default)]
struct Life {
    /// Steps taken since the cell was started, and those that are appends.
    steps: u64,
    appends: u64,
    /// When it is killed; `None` where it is not.
    ends_at: Option<Kill>,
    /// Whether it was killed: nothing that waits at a seam goes on.
    over: bool,
    /// When its runtime began.
    since: Option<Instant>,
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
                appends: Notify::new(),
                met: Mutex::default(),
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

    /// A life begins; it ends so, or with the simulation.
    pub(crate) fn begin_life(&self, ends_at: Option<Kill>) {
        *self.inner.life.lock() = Life { ends_at, ..Life::default() };
    }

    /// From now on the life may end so; its moment counts from here.
    pub(crate) fn arm(&self, kill: Kill) {
        let mut life = self.inner.life.lock();
        (life.ends_at, life.steps, life.appends) = (Some(kill), 0, 0);
    }

    /// The runtime of a life begins: what is noted from now on carries its time.
    pub(crate) fn begin_runtime(&self) {
        self.inner.life.lock().since = Some(Instant::now());
    }

    /// The runtime of a life is over.
    pub(crate) fn end_runtime(&self) {
        self.inner.life.lock().since = None;
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
    pub(crate) async fn step(&self, what: &'static str, weather: Weather) -> Fate {
        match self.count(what) {
            Go::On => {}
            Go::Once => {
                self.met(what, "killed");
                return Fate::Last;
            }
            // Whoever waits here is dropped with its runtime.
            Go::Nowhere => std::future::pending::<()>().await,
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
        pause(yields, wait).await;
        if fate != Fate::Through {
            self.met(what, if fate == Fate::Before { "failed before" } else { "failed after" });
            self.note(format_args!("{what}: {fate:?}"));
        }
        fate
    }

    /// The step between a write and its sync: a kill in between leaves the write to the disk.
    pub(crate) async fn sync(&self) {
        match self.count(SYNC) {
            Go::On => {}
            Go::Once | Go::Nowhere => {
                self.met(SYNC, "killed");
                std::future::pending::<()>().await;
            }
        }
        let (often, longest) = SLOW_SYNC;
        let (yields, wait) = self.draw(|random| {
            let wait = if random.random_bool(often) { random.random_range(0.0..1.0) } else { 0.0 };
            (random.random_range(0..3_u8), longest.mul_f64(wait))
        });
        pause(yields, wait).await;
    }

    /// Counts what a call met.
    pub(crate) fn met(&self, call: &'static str, what: &'static str) {
        *self.inner.met.lock().entry((call, what)).or_default() += 1;
    }

    /// What calls met, and how often.
    pub(crate) fn everything_met(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.inner.met.lock().clone()
    }

    /// Resolves in the middle of an append, with this probability at each: when somebody goes away whose call waits for
    /// one.
    pub(crate) async fn leaves(&self, probability: f64) {
        if probability <= 0.0 {
            std::future::pending::<()>().await;
        }
        loop {
            self.inner.appends.notified().await;
            if self.chance(probability) {
                return;
            }
        }
    }

    /// Counts a step; whether the cell is dead at it.
    fn count(&self, what: &str) -> Go {
        let mut life = self.inner.life.lock();
        life.steps += 1;
        life.appends += u64::from(what == APPEND);
        let ends = life.ends_at.is_some_and(|kill| match kill.at {
            Moment::Step(at) => life.steps >= at,
            Moment::Append(at) => life.appends >= at,
        });
        let ends_now = ends && !life.over;
        if ends_now {
            life.over = true;
            self.inner.killed.notify_waiters();
        }
        let go = match life.ends_at {
            Some(kill) if ends_now && kill.takes_effect => Go::Once,
            _ if life.over => Go::Nowhere,
            _ => Go::On,
        };
        drop(life);
        if what == APPEND {
            self.inner.appends.notify_waiters();
        }
        self.note(format_args!("{what}"));
        go
    }

    /// Notes what happened, for the digest and the trace.
    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        let at = self.inner.life.lock().since.map_or(Duration::ZERO, |since| since.elapsed());
        let mut trace = self.inner.trace.lock();
        let trace = &mut *trace;
        trace.steps += 1;
        let _ = Hashed(&mut trace.hash).write_fmt(what);
        trace.hash.update(&at.as_nanos().to_le_bytes());
        if let Some(lines) = &mut trace.lines {
            lines.push(format!("{:>7} {:>12.6} {what}", trace.steps, at.as_secs_f64()));
        }
    }

    /// Notes bytes that a call brought or took, by their digest.
    pub(crate) fn note_bytes(&self, what: &str, bytes: &[u8]) {
        self.note(format_args!("{what}: {:016x}", xxh3_64(bytes)));
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

async fn pause(yields: u8, wait: Duration) {
    for _ in 0..yields {
        tokio::task::yield_now().await;
    }
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}
