//! What a seed holds: the workflows of a simulation and what goes wrong while they run.

use rand::Rng;
use rand::rngs::StdRng;
use std::time::Duration;

/// Everything that happens in one simulation besides the order of steps.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) workflows: Vec<WorkflowPlan>,
    /// How many times the cell is killed: at which step of each life, and how long it is away then.
    pub(crate) kills: Vec<Kill>,
    /// Whether the store fails, the sinks go away, the wall clock jumps.
    pub(crate) store_fails: bool,
    pub(crate) sinks_fail: bool,
    pub(crate) clock_jumps: bool,
    /// Log bytes that trigger a checkpoint: small ones checkpoint often.
    pub(crate) tail_bytes: usize,
    /// Entities that a shard keeps in memory: few evict often.
    pub(crate) resident_entities: usize,
    /// Bytes that a projection keeps in memory: few spill often.
    pub(crate) spool_bytes: usize,
    /// Workers: some cache workflows and poll a sticky queue.
    pub(crate) workers: Vec<WorkerPlan>,
}

/// The end of one life of the cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// The step over a seam at which the process is gone.
    pub(crate) at_step: u64,
    /// How long nothing runs then.
    pub(crate) away: Duration,
    /// How many writes that were not synced the disk keeps all the same.
    pub(crate) kept: usize,
}

/// A worker that polls both kinds of tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerPlan {
    pub(crate) sticky: bool,
    /// How often it takes a workflow task and never answers.
    pub(crate) loses: f64,
    /// How often it says the same twice.
    pub(crate) repeats: f64,
    /// How often it fails a workflow task.
    pub(crate) fails: f64,
}

/// One workflow id.
#[derive(Clone, Debug)]
pub(crate) struct WorkflowPlan {
    pub(crate) id: String,
    /// When its client starts it, from the beginning of the simulation. Children are started by their parents.
    pub(crate) starts_after: Option<Duration>,
    /// What it does: the next stage begins when everything of the last one is done, however it ended.
    pub(crate) stages: Vec<Vec<Op>>,
    /// Signals that a client sends: when, counted from the beginning.
    pub(crate) signals: Vec<Duration>,
}

/// One thing that a workflow waits for.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Activity(ActivityPlan),
    Timer(Duration),
    /// So many signals in all.
    Signals(usize),
    /// The workflow of this index.
    Child(usize),
}

/// An activity and how its attempts go; those past the list succeed.
#[derive(Clone, Debug)]
pub(crate) struct ActivityPlan {
    pub(crate) attempts: Vec<Attempt>,
    /// Zero: as many as it takes.
    pub(crate) maximum_attempts: i32,
    pub(crate) start_to_close: Duration,
    pub(crate) heartbeat: Option<Duration>,
}

/// What a worker does with one attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempt {
    Succeeds,
    Fails,
    /// The worker is never heard of again.
    Vanishes,
    /// Heartbeats so many times, then succeeds.
    Beats(u32),
}

impl Plan {
    /// Draws a plan.
    pub(crate) fn draw(random: &mut StdRng) -> Self {
        let lives = *[0, 1, 1, 2, 3].get(random.random_range(0..5)).unwrap_or(&1);
        let kills = (0..lives)
            .map(|_| Kill {
                at_step: random.random_range(20..1_500),
                away: Duration::from_secs(random.random_range(0..90)),
                kept: random.random_range(0..3),
            })
            .collect();
        let workers = (0..random.random_range(1..4))
            .map(|_| WorkerPlan {
                sticky: random.random_bool(0.5),
                loses: if random.random_bool(0.5) { 0.03 } else { 0.0 },
                repeats: if random.random_bool(0.5) { 0.05 } else { 0.0 },
                fails: if random.random_bool(0.3) { 0.02 } else { 0.0 },
            })
            .collect();
        Self {
            workflows: workflows(random),
            kills,
            store_fails: random.random_bool(0.5),
            sinks_fail: random.random_bool(0.5),
            clock_jumps: random.random_bool(0.3),
            tail_bytes: if random.random_bool(0.5) { 4 << 10 } else { 1 << 20 },
            resident_entities: if random.random_bool(0.5) { 4 } else { 1_000 },
            spool_bytes: if random.random_bool(0.5) { 2 << 10 } else { 1 << 20 },
            workers,
        }
    }
}

fn workflows(random: &mut StdRng) -> Vec<WorkflowPlan> {
    let roots = random.random_range(2..9);
    let mut plans: Vec<WorkflowPlan> = Vec::new();
    for _ in 0..roots {
        let starts_after = Duration::from_millis(random.random_range(0..60_000));
        let plan = workflow(random, plans.len(), Some(starts_after));
        plans.push(plan);
    }
    // Children come behind their parents, so that no workflow waits for itself.
    for parent in 0..roots {
        if random.random_bool(0.4) {
            let child = plans.len();
            let plan = workflow(random, child, None);
            plans.push(plan);
            let stage = vec![Op::Child(child)];
            plans[parent].stages.push(stage);
        }
    }
    plans
}

fn workflow(random: &mut StdRng, index: usize, starts_after: Option<Duration>) -> WorkflowPlan {
    let signals: Vec<Duration> = match starts_after {
        Some(after) if random.random_bool(0.5) => (0..random.random_range(1..4))
            .map(|_| after + Duration::from_millis(random.random_range(0..30_000)))
            .collect(),
        _ => Vec::new(),
    };
    let mut stages: Vec<Vec<Op>> = (0..random.random_range(1..4))
        .map(|_| (0..random.random_range(1..4)).map(|_| op(random)).collect())
        .collect();
    if !signals.is_empty() {
        stages.push(vec![Op::Signals(signals.len())]);
    }
    WorkflowPlan { id: format!("w{index}"), starts_after, stages, signals }
}

fn op(random: &mut StdRng) -> Op {
    if random.random_bool(0.35) {
        return Op::Timer(Duration::from_secs(random.random_range(1..120)));
    }
    let maximum_attempts = if random.random_bool(0.3) { 1 } else { 0 };
    let attempts = (0..random.random_range(0..3))
        .map(|_| match random.random_range(0..4) {
            0 => Attempt::Fails,
            1 => Attempt::Vanishes,
            2 => Attempt::Beats(random.random_range(1..5)),
            _ => Attempt::Succeeds,
        })
        .collect();
    Op::Activity(ActivityPlan {
        attempts,
        maximum_attempts,
        start_to_close: Duration::from_secs(random.random_range(20..60)),
        heartbeat: random.random_bool(0.4).then(|| Duration::from_secs(10)),
    })
}
