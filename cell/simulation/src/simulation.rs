//! One simulation: a plan, the lives of the cell, and what stands at the end.

use crate::checks::Settled;
use crate::clock::SimulatedClock;
use crate::ledger::Ledger;
use crate::panics;
use crate::plan::{Kill, LifePlan, Plan};
use crate::store::Damage;
use crate::world::{Weather, World};
use atoll_object_store::MemoryObjectStore;
use cell_store::fault::{CrashDisk, SyncMode};
use cell_visibility::MemoryVisibility;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// When every simulation begins.
const BEGAN: &str = "2026-03-01T10:20:00Z";
/// A life that comes to no end by its steps ends by time.
const LIFE: Duration = Duration::from_secs(600);
/// How long closed runs are kept: longer than all that happens before they are read.
pub(crate) const RETENTION: Duration = Duration::from_secs(3_600);

/// What became of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Promises that were broken; empty when the cell held.
    pub broken: Vec<String>,
    /// A digest of everything that happened: two runs of a seed with the same one took the same steps in the same
    /// order.
    pub digest: u64,
    /// What happened, line by line, where it was asked for.
    pub trace: Vec<String>,
    /// Acknowledged calls by kind.
    pub calls: Vec<(&'static str, u64)>,
    /// How often calls over a seam met something, by call and by what it was.
    pub met: Vec<((&'static str, &'static str), u64)>,
}

impl Outcome {
    /// What was broken and the command that shows how; none when the cell held.
    pub fn failure(&self) -> Option<String> {
        let Self { seed, broken, .. } = self;
        (!broken.is_empty()).then(|| {
            let again = format!("cargo run -p cell-simulation -- --seed {seed} --trace");
            format!("seed {seed} (again: {again}):\n  {}", broken.join("\n  "))
        })
    }
}

/// What a life of the cell is for.
enum Life<'p> {
    /// Workflows run.
    Works(&'p LifePlan),
    /// Closed runs are deleted.
    Deletes(Option<Kill>),
}

impl Life<'_> {
    /// How it ends, if not by itself.
    fn ends(&self) -> Option<Kill> {
        match self {
            Self::Works(plan) => plan.kill,
            Self::Deletes(kill) => *kill,
        }
    }

    /// How it ends, where its moment counts from the beginning.
    fn kill_of_work(&self) -> Option<Kill> {
        match self {
            Self::Works(plan) => plan.kill,
            Self::Deletes(_) => None,
        }
    }

    fn damaged(&self) -> u32 {
        match self {
            Self::Works(plan) => plan.damaged,
            Self::Deletes(_) => 0,
        }
    }

    /// How long its weather changes.
    fn storm(&self) -> Duration {
        match self {
            Self::Works(LifePlan { kill: None, storm, .. }) => *storm,
            Self::Works(_) => LIFE,
            Self::Deletes(None) => Duration::ZERO,
            Self::Deletes(Some(_)) => RETENTION + LIFE,
        }
    }
}

/// What outlives the cell.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) plan: Arc<Plan>,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) clock: SimulatedClock,
    pub(crate) began: Timestamp,
    /// When the cell or its store was away, by true time: from when, and until when.
    pub(crate) away: Mutex<Vec<(Timestamp, Timestamp)>>,
    /// Since when the cell is away now.
    pub(crate) down_since: Mutex<Option<Timestamp>>,
    /// When cells were gone, and when others began to take their shards.
    pub(crate) restarts: Mutex<Vec<(Timestamp, Timestamp)>>,
    /// Runs that have ended and were read.
    pub(crate) settled: Mutex<Vec<Settled>>,
    /// When they have to be gone.
    pub(crate) gone_at: Mutex<Timestamp>,
    pub(crate) disk: CrashDisk,
    pub(crate) damage: Damage,
    pub(crate) objects: Arc<MemoryObjectStore>,
    pub(crate) visibility: Arc<MemoryVisibility>,
    pub(crate) store_weather: Arc<Mutex<Weather>>,
    pub(crate) object_weather: Arc<Mutex<Weather>>,
    pub(crate) visibility_weather: Arc<Mutex<Weather>>,
    /// Whether the weather of the last life is over.
    pub(crate) is_calm: Mutex<bool>,
}

/// Runs a seed; `traced` keeps every step for printing.
pub fn run(seed: u64, traced: bool) -> Outcome {
    panics::watch();
    let world = World::new(seed, traced);
    let plan = Arc::new(world.draw(Plan::draw));
    world.note(format_args!("{plan:?}"));
    let site = Site::new(world, plan);
    site.live_all();
    let ledger = site.ledger.lock();
    Outcome {
        seed,
        broken: ledger.broken.iter().cloned().chain(panics::seen()).collect(),
        digest: site.world.digest(),
        trace: site.world.lines(),
        calls: ledger.calls.iter().map(|(call, count)| (*call, *count)).collect(),
        met: site.world.everything_met().into_iter().collect(),
    }
}

impl Site {
    fn new(world: World, plan: Arc<Plan>) -> Self {
        let began: Timestamp = BEGAN.parse().expect("a time");
        let clock = SimulatedClock::new(began);
        Self {
            damage: Damage::new(clock.clone()),
            clock,
            began,
            away: Mutex::default(),
            down_since: Mutex::default(),
            restarts: Mutex::default(),
            settled: Mutex::default(),
            gone_at: Mutex::new(began),
            disk: CrashDisk::new(SyncMode::BeforeAnswer),
            objects: Arc::default(),
            visibility: Arc::default(),
            store_weather: Arc::default(),
            object_weather: Arc::default(),
            visibility_weather: Arc::default(),
            is_calm: Mutex::default(),
            ledger: Arc::default(),
            plan,
            world,
        }
    }

    /// All lives of the cell, one after the other.
    fn live_all(&self) {
        let mut lives: Vec<Life<'_>> = self.plan.lives.iter().map(Life::Works).collect();
        if !self.plan.deletion_kills.is_empty() {
            let kills = self.plan.deletion_kills.iter().copied().map(Some);
            lives.extend(kills.chain([None]).map(Life::Deletes));
        }
        let mut down = SignedDuration::ZERO;
        for (number, life) in lives.into_iter().enumerate() {
            if number > 0 && self.settled.lock().is_empty() && matches!(life, Life::Deletes(_)) {
                // Nothing came of it: what is broken is told.
                return;
            }
            self.live(number, down, &life);
            let Some(kill) = life.ends() else { continue };
            self.disk.crash(kill.kept);
            down = SignedDuration::try_from(kill.away).expect("a short while");
        }
    }

    /// One life of the cell, in a runtime of its own: dropping that is the kill.
    fn live(&self, number: usize, down: SignedDuration, life: &Life<'_>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        self.world.begin_life(life.kill_of_work());
        self.world.note(format_args!("life {number}"));
        self.damage.begin(life.damaged());
        runtime.block_on(async {
            self.world.begin_runtime();
            let gone = self.clock.truth();
            self.clock.start(down);
            if number > 0 {
                self.down_since.lock().get_or_insert(gone);
                self.restarts.lock().push((gone, self.clock.truth()));
            }
            let storms = async {
                self.storms(life.storm()).await;
                if life.ends().is_none() {
                    self.calm();
                    std::future::pending::<()>().await;
                }
            };
            let lives = async {
                match life {
                    Life::Works(plan) => self.life(plan).await,
                    Life::Deletes(kill) => self.delete(*kill).await,
                }
            };
            let ended = tokio::select! {
                biased;
                () = self.world.killed() => "killed at its moment",
                () = storms => "killed by time",
                () = lives => "at rest",
            };
            self.world.note(format_args!("{ended}"));
            self.ledger.lock().count(ended);
            self.clock.stop();
            self.world.end_runtime();
        });
    }

    /// When the cell, its store or one of its shards was away, by true time.
    pub(crate) fn away(&self) -> Vec<(Timestamp, Timestamp)> {
        let mut away = self.away.lock().clone();
        away.extend(self.damage.away());
        away.sort();
        away
    }
}
