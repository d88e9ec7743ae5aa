//! What a seed holds: the workflows of a simulation and what goes wrong while they run.

mod lives;

pub(crate) use lives::{Kill, LifePlan, Moment};

use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy;
use rand::Rng;
use rand::rngs::StdRng;
use std::time::Duration;

/// Everything that happens in one simulation besides the order of steps.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) workflows: Vec<WorkflowPlan>,
    pub(crate) schedules: Vec<SchedulePlan>,
    /// The lives of the cell, the last one without a kill.
    pub(crate) lives: Vec<LifePlan>,
    /// How lives end that come behind them, while closed runs are deleted.
    pub(crate) deletion_kills: Vec<Kill>,
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
    /// Bytes of events of one step above which they stand beside the log row.
    pub(crate) side_row_bytes: usize,
    /// The cell's memory budget in bytes: small ones are used up.
    pub(crate) memory_budget: usize,
    /// How often a client asks for the same once more, when it has the answer.
    pub(crate) repeats: f64,
    /// Workers: some cache workflows and poll a sticky queue.
    pub(crate) workers: Vec<WorkerPlan>,
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
    /// How often it answers a workflow task when its time is over.
    pub(crate) late: f64,
    /// How often it gives a poll up while the cell writes something: at each append.
    pub(crate) leaves: f64,
}

/// One workflow id.
#[derive(Clone, Debug)]
pub(crate) struct WorkflowPlan {
    pub(crate) id: String,
    pub(crate) begins: Begin,
    /// What each run of its chain does: the next stage begins when everything of the last one is done, however it
    /// ended. Behind all but the last run it continues as new.
    pub(crate) runs: Vec<Vec<Vec<Op>>>,
    /// Signals that a client sends: when, counted from the beginning.
    pub(crate) signals: Vec<Duration>,
    /// Whether it ends when it is asked to cancel; the others take no notice.
    pub(crate) obeys: bool,
    /// When it is timed out, counted from its start.
    pub(crate) expires_after: Option<Duration>,
    /// When a client asks it to cancel, and when one terminates it, counted from the beginning.
    pub(crate) canceled: Option<Duration>,
    pub(crate) terminated: Option<Duration>,
    /// How many runs fail and are tried again, before one completes.
    pub(crate) retries: usize,
    /// Whether it fails for good once it has done all.
    pub(crate) fails: bool,
    /// Bytes of what it is given beside what its runs hand on.
    pub(crate) input_bytes: usize,
}

impl WorkflowPlan {
    /// One that does this, and ends when that is done.
    fn that_does(id: String, begins: Begin, runs: Vec<Vec<Vec<Op>>>) -> Self {
        Self {
            id,
            begins,
            runs,
            signals: Vec::new(),
            obeys: false,
            expires_after: None,
            canceled: None,
            terminated: None,
            retries: 0,
            fails: false,
            input_bytes: 0,
        }
    }

    /// What the run of this place in its chain does.
    pub(crate) fn stages(&self, run: usize) -> &[Vec<Op>] {
        let run = if self.retries > 0 { 0 } else { run };
        self.runs.get(run).map_or(&[], Vec::as_slice)
    }

    /// How many runs its chain has.
    pub(crate) fn chain(&self) -> usize {
        self.runs.len() + self.retries
    }

    fn ops(&self) -> impl Iterator<Item = &Op> {
        self.runs.iter().flatten().flatten()
    }
}

/// A schedule that starts a workflow again and again, at all whole multiples of an interval that are not excluded.
#[derive(Clone, Debug)]
pub(crate) struct SchedulePlan {
    pub(crate) id: String,
    /// When a client makes it, counted from the beginning.
    pub(crate) made: Duration,
    /// Whole seconds.
    pub(crate) interval: Duration,
    /// By how much it may be late on purpose: whole seconds, at most the interval.
    pub(crate) jitter: Duration,
    /// Whether it leaves out the times in the second half of each minute.
    pub(crate) excludes: bool,
    /// What becomes of a start whose time comes while the last one runs.
    pub(crate) overlap: ScheduleOverlapPolicy,
    /// How many workflows it starts: at most ten, which is what a schedule remembers.
    pub(crate) starts: usize,
    /// What it starts, by its place among the workflows.
    pub(crate) workflow: usize,
}

impl SchedulePlan {
    /// The times behind this one (Unix seconds).
    pub(crate) fn times(&self, after: i64) -> impl Iterator<Item = i64> {
        let interval = self.interval.as_secs() as i64;
        let first = after.div_euclid(interval) + 1;
        (first..).map(move |number| number * interval).filter(|at| !self.is_excluded(*at))
    }

    /// Whether a multiple of the interval is none of its times.
    pub(crate) fn is_excluded(&self, at: i64) -> bool {
        self.excludes && EXCLUDED.contains(&at.rem_euclid(60))
    }

    /// Whether it has what it starts make room for the next one.
    pub(crate) fn makes_room(&self) -> bool {
        matches!(self.overlap, ScheduleOverlapPolicy::CancelOther | ScheduleOverlapPolicy::TerminateOther)
    }
}

/// Seconds of a minute that a schedule leaves out.
pub(crate) const EXCLUDED: std::ops::Range<i64> = 30..60;

/// How a workflow begins; moments count from the beginning of the simulation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begin {
    /// A client starts it.
    Start(Duration),
    /// A client sends its first signal with a start.
    Signal(Duration),
    /// It is a child.
    Parent,
    /// A schedule starts it, more than once: behind its id stands which time of the schedule it is for.
    Schedule,
    /// A client starts it once all others have ended. Nobody works on it.
    Idle,
}

/// One thing that a workflow waits for.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Activity(ActivityPlan),
    Timer(Duration),
    /// So many signals of clients in all.
    Signals(usize),
    /// The workflow of this index.
    Child(usize),
    /// That a signal to the workflow of this index is sent, or cannot be.
    Signal(usize),
    /// That the workflow of this index is asked to cancel, or cannot be.
    Cancel(usize),
}

/// An activity and how its attempts go; those past the list succeed.
#[derive(Clone, Debug)]
pub(crate) struct ActivityPlan {
    pub(crate) attempts: Vec<Attempt>,
    /// Zero: as many as it takes.
    pub(crate) maximum_attempts: i32,
    pub(crate) start_to_close: Duration,
    pub(crate) heartbeat: Option<Duration>,
    /// Bytes of its input: many make a run large enough to be stored in parts.
    pub(crate) input_bytes: usize,
}

/// Larger than what stands in a log row, by default.
const LARGE_INPUT: usize = 70_000;

/// A memory budget that the workflows here use up.
const SMALL_MEMORY: usize = 128 << 10;

/// What a worker does with one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    Succeeds,
    Fails,
    /// The worker is never heard of again.
    Vanishes,
    /// Heartbeats so many times, then succeeds.
    Beats(u32),
    /// Heartbeats so many times, then fails.
    BeatsAndFails(u32),
    /// Heartbeats so many times, and is never heard of again.
    BeatsAndVanishes(u32),
    /// Succeeds when its time is over.
    Late,
}

impl Attempt {
    /// Whether its worker answers that it succeeded.
    pub(crate) fn succeeds(self) -> bool {
        matches!(self, Self::Succeeds | Self::Beats(_) | Self::Late)
    }

    /// Whether its worker answers that it failed.
    pub(crate) fn fails(self) -> bool {
        matches!(self, Self::Fails | Self::BeatsAndFails(_))
    }

    /// Whether its worker does not answer while its time lasts.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Self::Vanishes | Self::BeatsAndVanishes(_) | Self::Late)
    }
}

impl ActivityPlan {
    /// The shortest time that ends an attempt.
    pub(crate) fn shortest(&self) -> Duration {
        self.heartbeat.map_or(self.start_to_close, |beat| beat.min(self.start_to_close))
    }
}

impl Plan {
    /// Draws a plan.
    pub(crate) fn draw(random: &mut StdRng) -> Self {
        let lives = LifePlan::draw_all(random);
        let deletion_kills = Kill::draw_among_deletions(random);
        let workers = (0..random.random_range(1..4)).map(|_| worker(random)).collect();
        let mut workflows = workflows(random);
        let schedules = (0..random.random_range(0..3)).map(|_| schedule(random, &mut workflows)).collect();
        let idle = workflows.len()..workflows.len() + random.random_range(2..5);
        workflows.extend(idle.map(|index| one_that_is_idle(random, index)));
        // One of these may be more than a small budget.
        let has_large = workflows
            .iter()
            .flat_map(WorkflowPlan::ops)
            .any(|op| matches!(op, Op::Activity(activity) if activity.input_bytes >= LARGE_INPUT));
        Self {
            workflows,
            schedules,
            lives,
            deletion_kills,
            store_fails: random.random_bool(0.5),
            sinks_fail: random.random_bool(0.5),
            clock_jumps: random.random_bool(0.3),
            tail_bytes: if random.random_bool(0.5) { 4 << 10 } else { 1 << 20 },
            resident_entities: if random.random_bool(0.5) { 4 } else { 1_000 },
            spool_bytes: if random.random_bool(0.5) { 2 << 10 } else { 1 << 20 },
            side_row_bytes: if random.random_bool(0.4) { 1 << 10 } else { 64 << 10 },
            memory_budget: if random.random_bool(0.5) && !has_large { SMALL_MEMORY } else { 1 << 30 },
            repeats: if random.random_bool(0.5) { 0.4 } else { 0.0 },
            workers,
        }
    }

    /// Whether no cell loses what it holds in memory: none is killed, succeeded, or loses a shard.
    pub(crate) fn loses_nothing(&self) -> bool {
        let loses =
            |life: &LifePlan| life.kill.is_some() || life.succeeded_after.is_some() || life.damaged > 0;
        !self.lives.iter().any(loses)
    }

    /// Whether a cell in calm weather keeps all in memory that is open: it neither writes it to let go of it, nor loses
    /// a shard.
    pub(crate) fn keeps_all_in_memory(&self) -> bool {
        let is_lost = self.lives.last().is_some_and(|life| life.damaged > 0);
        !self.has_small_memory() && self.resident_entities > self.workflows.len() && !is_lost
    }

    /// Whether memory is used up, so that workers may be refused.
    pub(crate) fn has_small_memory(&self) -> bool {
        self.memory_budget <= SMALL_MEMORY
    }

    /// The schedule that starts this workflow.
    pub(crate) fn schedule_of(&self, workflow: usize) -> Option<&SchedulePlan> {
        self.schedules.iter().find(|schedule| schedule.workflow == workflow)
    }

    /// The plan of a workflow by its id.
    pub(crate) fn workflow(&self, id: &str) -> Option<&WorkflowPlan> {
        self.workflows.iter().find(|workflow| {
            let rest = id.strip_prefix(workflow.id.as_str());
            rest.is_some_and(|rest| match workflow.begins {
                Begin::Schedule => rest.starts_with('-'),
                Begin::Start(_) | Begin::Signal(_) | Begin::Parent | Begin::Idle => rest.is_empty(),
            })
        })
    }
}

fn worker(random: &mut StdRng) -> WorkerPlan {
    let mut at_times = |often: f64, how: f64| if random.random_bool(often) { how } else { 0.0 };
    WorkerPlan {
        loses: at_times(0.5, 0.03),
        repeats: at_times(0.5, 0.05),
        fails: at_times(0.3, 0.02),
        late: at_times(0.3, 0.03),
        leaves: at_times(0.4, 0.1),
        sticky: random.random_bool(0.5),
    }
}

/// Which workflows there are besides the one that is being drawn.
#[derive(Clone, Copy)]
struct Others {
    /// The first so many obey.
    obedient: usize,
    /// The first so many are no children.
    roots: usize,
}

fn workflows(random: &mut StdRng) -> Vec<WorkflowPlan> {
    let obedient = random.random_range(0..3);
    let roots = obedient + random.random_range(2..8);
    let others = Others { obedient, roots };
    let mut plans: Vec<WorkflowPlan> = (0..obedient).map(|index| one_that_obeys(random, index)).collect();
    for index in obedient..roots {
        let after = Duration::from_millis(random.random_range(0..60_000));
        let begins = if random.random_bool(0.25) { Begin::Signal(after) } else { Begin::Start(after) };
        let plan = workflow(random, index, begins, others);
        plans.push(plan);
    }
    // Children come behind their parents, so that no workflow waits for itself.
    for parent in obedient..roots {
        if random.random_bool(0.4) {
            let child = plans.len();
            let plan = workflow(random, child, Begin::Parent, others);
            plans.push(WorkflowPlan { fails: random.random_bool(0.3), ..plan });
            let runs = &mut plans[parent].runs;
            let run = random.random_range(0..runs.len());
            runs[run].insert(0, vec![Op::Child(child)]);
        }
    }
    plans[obedient..roots].iter_mut().for_each(|plan| end_otherwise(random, plan));
    plans
}

/// Some are terminated, and some fail at first.
fn end_otherwise(random: &mut StdRng, plan: &mut WorkflowPlan) {
    let (Begin::Start(after) | Begin::Signal(after)) = plan.begins else { return };
    // A child goes with its parent.
    if plan.ops().any(|op| matches!(op, Op::Child(_))) {
        return;
    }
    if random.random_bool(0.15) {
        plan.terminated = Some(after + seconds(random, 1..90));
        return;
    }
    // What a run was told and what it told others belongs to that run.
    let is_alone = plan.runs.len() == 1 && plan.signals.is_empty();
    if is_alone && !plan.ops().any(|op| matches!(op, Op::Signal(_))) && random.random_bool(0.5) {
        plan.retries = random.random_range(1..3);
    }
}

/// A schedule, and what it starts as one more workflow.
fn schedule(random: &mut StdRng, workflows: &mut Vec<WorkflowPlan>) -> SchedulePlan {
    use ScheduleOverlapPolicy::{AllowAll, BufferAll, BufferOne, CancelOther, Skip, TerminateOther};
    const OVERLAPS: [ScheduleOverlapPolicy; 6] =
        [Skip, BufferOne, BufferAll, CancelOther, TerminateOther, AllowAll];
    let workflow = workflows.len();
    let overlap = OVERLAPS[random.random_range(0..OVERLAPS.len())];
    let obeys = overlap == CancelOther;
    // One that obeys only waits.
    let op = if obeys || random.random_bool(0.5) {
        Op::Timer(seconds(random, 1..40))
    } else {
        Op::Activity(activity(random))
    };
    let does = WorkflowPlan::that_does(format!("s{workflow}"), Begin::Schedule, vec![vec![vec![op]]]);
    workflows.push(WorkflowPlan { obeys, ..does });
    let interval = random.random_range(5..60);
    SchedulePlan {
        id: format!("schedule of s{workflow}"),
        made: Duration::from_millis(random.random_range(0..60_000)),
        interval: Duration::from_secs(interval),
        jitter: if random.random_bool(0.3) { seconds(random, 1..interval) } else { Duration::ZERO },
        excludes: random.random_bool(0.2),
        overlap,
        starts: random.random_range(1..6),
        workflow,
    }
}

/// A workflow that only waits, until it is asked to cancel.
fn one_that_obeys(random: &mut StdRng, index: usize) -> WorkflowPlan {
    let timers = (0..random.random_range(1..3)).map(|_| Op::Timer(seconds(random, 60..600))).collect();
    let begins = Begin::Start(Duration::from_millis(random.random_range(0..30_000)));
    WorkflowPlan {
        obeys: true,
        expires_after: random.random_bool(0.3).then(|| seconds(random, 30..200)),
        canceled: random.random_bool(0.5).then(|| seconds(random, 1..200)),
        ..WorkflowPlan::that_does(format!("w{index}"), begins, vec![vec![timers]])
    }
}

/// A workflow that takes memory and storage, and nothing else.
fn one_that_is_idle(random: &mut StdRng, index: usize) -> WorkflowPlan {
    WorkflowPlan {
        input_bytes: random.random_range(2_000..8_000),
        ..WorkflowPlan::that_does(format!("i{index}"), Begin::Idle, Vec::new())
    }
}

fn workflow(random: &mut StdRng, index: usize, begins: Begin, others: Others) -> WorkflowPlan {
    let mut sent_behind = |after: Duration, least: usize| -> Vec<Duration> {
        let count = random.random_range(least..4);
        (0..count).map(|_| after + Duration::from_millis(random.random_range(0..30_000))).collect()
    };
    let signals = match begins {
        Begin::Start(after) => sent_behind(after, 0),
        Begin::Signal(after) => sent_behind(after, 1),
        Begin::Parent | Begin::Schedule | Begin::Idle => Vec::new(),
    };
    let chain = *[1, 1, 1, 2, 3].get(random.random_range(0..5)).unwrap_or(&1);
    let mut runs: Vec<Vec<Vec<Op>>> = (0..chain).map(|_| stages(random, index, chain, others)).collect();
    if let Some(last) = runs.last_mut().filter(|_| !signals.is_empty()) {
        last.push(vec![Op::Signals(signals.len())]);
    }
    WorkflowPlan { signals, ..WorkflowPlan::that_does(format!("w{index}"), begins, runs) }
}

/// What one run does: in a longer chain less.
fn stages(random: &mut StdRng, index: usize, chain: usize, others: Others) -> Vec<Vec<Op>> {
    let stages = if chain > 1 { 1..3 } else { 1..4 };
    (0..random.random_range(stages))
        .map(|_| (0..random.random_range(1..4)).map(|_| op(random, index, others)).collect())
        .collect()
}

fn op(random: &mut StdRng, index: usize, others: Others) -> Op {
    match random.random_range(0..100) {
        0..30 => Op::Timer(seconds(random, 1..120)),
        30..40 => match random.random_range(0..others.roots) {
            myself if myself == index => Op::Timer(seconds(random, 1..5)),
            other => Op::Signal(other),
        },
        40..48 if others.obedient > 0 => Op::Cancel(random.random_range(0..others.obedient)),
        _ => Op::Activity(activity(random)),
    }
}

fn activity(random: &mut StdRng) -> ActivityPlan {
    let maximum_attempts = if random.random_bool(0.3) { 1 } else { 0 };
    let attempts = (0..random.random_range(0..3))
        .map(|_| match random.random_range(0..12) {
            0 | 1 => Attempt::Fails,
            2 | 3 => Attempt::Vanishes,
            4 | 5 => Attempt::Beats(random.random_range(1..5)),
            6 => Attempt::Late,
            7 => Attempt::BeatsAndFails(random.random_range(1..4)),
            8 => Attempt::BeatsAndVanishes(random.random_range(1..4)),
            _ => Attempt::Succeeds,
        })
        .collect();
    ActivityPlan {
        attempts,
        maximum_attempts,
        start_to_close: seconds(random, 20..60),
        heartbeat: random.random_bool(0.4).then(|| Duration::from_secs(10)),
        input_bytes: match random.random_range(0..200) {
            0 => LARGE_INPUT,
            1..40 => 3_000,
            _ => 0,
        },
    }
}

fn seconds(random: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_secs(random.random_range(range))
}
