//! One simulation: a plan, the lives of the cell, and what stands at the end.

use crate::calls::{Caller, NAMESPACE};
use crate::checks;
use crate::clients;
use crate::clock::SimulatedClock;
use crate::ledger::Ledger;
use crate::panics;
use crate::plan::{Begin, Kill, Plan};
use crate::sinks::{WeatheredObjects, WeatheredVisibility};
use crate::store::WeatheredStore;
use crate::workers;
use crate::world::{Weather, World};
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_object_store::MemoryObjectStore;
use atoll_rpc::SeededIds;
use cell_frontend::DynamicConfig;
use cell_node::{Access, Assembly, CellConfig, CellDeps, ProjectionConfig};
use cell_shard::ShardConfig;
use cell_store::fault::{CrashDisk, SyncMode};
use cell_visibility::MemoryVisibility;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// When every simulation begins.
const BEGAN: &str = "2026-03-01T10:20:00Z";
/// A life that comes to no end by its steps ends by time.
const LIFE: Duration = Duration::from_secs(600);
/// A workflow that has not ended by then, after the last kill, is stuck.
const PATIENCE: Duration = Duration::from_secs(4 * 3_600);
/// Between two usage objects of a shard: to encode one is half of what a simulated minute costs.
const USAGE_INTERVAL: Duration = Duration::from_secs(300);
/// How long a deletion takes until it shows everywhere.
const SETTLING: Duration = Duration::from_secs(600);
/// How long closed runs are kept: longer than all that happens before they are read.
pub(crate) const RETENTION: Duration = Duration::from_secs(3_600);

/// What became of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Promises that were broken; empty when the cell held.
    pub broken: Vec<String>,
    /// A digest of everything that happened: two runs of a seed with the same one took the same steps in the same order.
    pub digest: u64,
    /// What happened, line by line, where it was asked for.
    pub trace: Vec<String>,
    /// Acknowledged calls by kind.
    pub calls: Vec<(&'static str, u64)>,
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

/// What outlives the cell.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) plan: Arc<Plan>,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) clock: SimulatedClock,
    pub(crate) began: Timestamp,
    /// When the cell was away, by true time: from when, and until when.
    pub(crate) away: Mutex<Vec<(Timestamp, Timestamp)>>,
    /// Since when it is away now.
    down_since: Mutex<Option<Timestamp>>,
    disk: CrashDisk,
    pub(crate) objects: Arc<MemoryObjectStore>,
    pub(crate) visibility: Arc<MemoryVisibility>,
    store_weather: Arc<Mutex<Weather>>,
    object_weather: Arc<Mutex<Weather>>,
    visibility_weather: Arc<Mutex<Weather>>,
}

/// Runs a seed; `traced` keeps every step for printing.
pub fn run(seed: u64, traced: bool) -> Outcome {
    panics::watch();
    let world = World::new(seed, traced);
    let plan = Arc::new(world.draw(Plan::draw));
    world.note(format_args!("{plan:?}"));
    let began: Timestamp = BEGAN.parse().expect("a time");
    let site = Site {
        clock: SimulatedClock::new(began),
        began,
        away: Mutex::default(),
        down_since: Mutex::default(),
        disk: CrashDisk::new(SyncMode::BeforeAnswer),
        objects: Arc::default(),
        visibility: Arc::default(),
        store_weather: Arc::default(),
        object_weather: Arc::default(),
        visibility_weather: Arc::default(),
        ledger: Arc::default(),
        plan,
        world,
    };
    let mut down = SignedDuration::ZERO;
    let kills = site.plan.kills.clone();
    for (life, kill) in kills.iter().enumerate() {
        site.live(life, down, Some(*kill));
        site.disk.crash(kill.kept);
        down = SignedDuration::try_from(kill.away).expect("a short while");
    }
    site.live(kills.len(), down, None);
    let ledger = site.ledger.lock();
    Outcome {
        seed,
        broken: ledger.broken.iter().cloned().chain(panics::seen()).collect(),
        digest: site.world.digest(),
        trace: site.world.lines(),
        calls: ledger.calls.iter().map(|(call, count)| (*call, *count)).collect(),
    }
}

impl Site {
    /// One life of the cell, in a runtime of its own: dropping that is the kill.
    fn live(&self, life: usize, down: SignedDuration, ends_at: Option<Kill>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        self.world.begin_life(ends_at);
        self.world.note(format_args!("life {life}"));
        runtime.block_on(async {
            self.world.begin_runtime();
            if life > 0 {
                self.down_since.lock().get_or_insert(self.clock.truth());
            }
            self.clock.start(down);
            let last = ends_at.is_none();
            self.set_weather(last);
            let storms = async {
                if last {
                    std::future::pending::<()>().await;
                }
                self.storms().await;
            };
            let ended = tokio::select! {
                biased;
                () = self.world.killed() => "killed at its moment",
                () = storms => "killed by time",
                () = self.life(life, last) => "at rest",
            };
            self.world.note(format_args!("{ended}"));
            self.ledger.lock().count(ended);
            self.clock.stop();
            self.world.end_runtime();
        });
    }

    async fn life(&self, life: usize, last: bool) {
        let cell = loop {
            match Assembly::open(&self.config(), &self.deps(life)).await {
                Ok(cell) => break cell,
                Err(error) => {
                    self.world.note(format_args!("no start: {error}"));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        };
        if let Some(from) = self.down_since.lock().take() {
            self.away.lock().push((from, self.clock.truth()));
        }
        let caller = Caller {
            frontend: cell.frontend().clone(),
            world: self.world.clone(),
            ledger: Arc::clone(&self.ledger),
            plan: Arc::clone(&self.plan),
        };
        let mut people = JoinSet::new();
        people.spawn(checks::memory(Arc::clone(cell.memory()), caller.clone()));
        for number in 0..self.plan.workers.len() {
            people.spawn(workers::workflow_worker(caller.clone(), number, life));
            people.spawn(workers::activity_worker(caller.clone(), number));
        }
        let mut work = JoinSet::new();
        for (index, workflow) in self.plan.workflows.iter().enumerate() {
            work.spawn(clients::start(caller.clone(), self.clock.clone(), self.began, index));
            for number in 0..workflow.signals.len() {
                let signal = clients::signal(caller.clone(), self.clock.clone(), self.began, index, number);
                work.spawn(signal);
            }
            if matches!(workflow.begins, Begin::Start(_) | Begin::Signal(_)) {
                work.spawn(clients::result(caller.clone(), index));
            }
        }
        for index in 0..self.plan.schedules.len() {
            work.spawn(clients::schedule(caller.clone(), self.clock.clone(), self.began, index));
        }
        if last {
            self.end(cell, caller, people, work).await;
        } else {
            // Where nothing is left to do before its kill, the life ends at rest.
            while work.join_next().await.is_some() {}
        }
    }

    /// The last life: everything ends, is looked at, is deleted by retention.
    async fn end(&self, cell: Assembly, caller: Caller, mut people: JoinSet<()>, mut work: JoinSet<()>) {
        let all = async { while work.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            self.ledger.lock().broke("a workflow did not end".to_owned());
            checks::say_what_hangs(&caller).await;
            return;
        }
        let settled = checks::histories(self, &caller).await;
        people.shutdown().await;
        for schedule in &self.plan.schedules {
            clients::delete_schedule(&caller, schedule).await;
        }
        // Closed runs are deleted, and what that came to is exported.
        tokio::time::sleep(RETENTION + SETTLING).await;
        checks::deletions(&caller, &settled).await;
        cell.shutdown().await;
        checks::usage(self, &settled).await;
    }

    /// Weather that changes until the life ends: at its step, or when nothing happens any more.
    async fn storms(&self) {
        let began = tokio::time::Instant::now();
        while began.elapsed() < LIFE {
            let pause = self.world.draw(|random| random.random_range(100..20_000));
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.set_weather(false);
        }
    }

    fn set_weather(&self, calm: bool) {
        let slow = Weather { slow: 0.2, delay: Duration::from_millis(20), ..Weather::default() };
        let rough = Weather { before: 0.1, after: 0.1, slow: 0.3, delay: Duration::from_millis(300) };
        let away = Weather { before: 1.0, ..Weather::default() };
        let plan = &self.plan;
        let pick = |fails: bool, worst: Weather| {
            if calm || !fails || self.world.chance(0.5) {
                slow
            } else if self.world.chance(0.5) {
                rough
            } else {
                worst
            }
        };
        *self.store_weather.lock() = pick(plan.store_fails, rough);
        *self.object_weather.lock() = pick(plan.sinks_fail, away);
        *self.visibility_weather.lock() = pick(plan.sinks_fail, away);
        let off = if calm || !plan.clock_jumps {
            SignedDuration::ZERO
        } else {
            SignedDuration::from_secs(self.world.draw(|random| random.random_range(-40..40)))
        };
        self.clock.set_off(off);
        self.world.note(format_args!("weather, clock off by {off}"));
    }

    fn deps(&self, life: usize) -> CellDeps {
        let world = &self.world;
        let stores =
            WeatheredStore::new(self.disk.start().stores(), world.clone(), Arc::clone(&self.store_weather));
        // Ids of one life never come again in another.
        let seed = world.draw(|random| random.random::<u64>()) ^ life as u64;
        CellDeps {
            stores: stores.stores(),
            visibility: Arc::new(WeatheredVisibility {
                inner: Arc::clone(&self.visibility),
                world: world.clone(),
                weather: Arc::clone(&self.visibility_weather),
            }),
            objects: Some(Arc::new(WeatheredObjects {
                inner: Arc::clone(&self.objects),
                world: world.clone(),
                weather: Arc::clone(&self.object_weather),
            })),
            clock: Arc::new(self.clock.clone()),
            ids: Arc::new(SeededIds::new(seed)),
            metrics: None,
        }
    }

    fn config(&self) -> CellConfig {
        let namespace = NamespaceSpec {
            name: NAMESPACE.to_owned(),
            retention: prost_types::Duration::try_from(RETENTION).ok(),
            account_id: "acct1".to_owned(),
            ..Default::default()
        };
        CellConfig {
            cell_id: "cell-s".to_owned(),
            region: "local".to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            admin: None,
            access: Access::Open,
            namespaces: vec![namespace],
            manages_namespaces: true,
            dynamic: Arc::new(DynamicConfig {
                namespace_rps: 1e9,
                namespace_visibility_rps: 1e9,
                ..DynamicConfig::default()
            }),
            usage_interval: USAGE_INTERVAL,
            projections: ProjectionConfig {
                visibility_spool_bytes: self.plan.spool_bytes,
                usage_spool_bytes: 4 * self.plan.spool_bytes,
                ..ProjectionConfig::default()
            },
            shards: ShardConfig {
                shard_count: 3,
                tail_bytes: self.plan.tail_bytes,
                resident_entities: self.plan.resident_entities,
                ..ShardConfig::default()
            },
            memory_budget: self.plan.memory_budget,
            store_kind: "simulated",
            drain: Duration::from_secs(1),
        }
    }
}
