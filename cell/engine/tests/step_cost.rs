//! What a step costs does not depend on what else is pending: allocations and pending items that are looked at are
//! counted.

use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as command, Command as WorkflowCommand};
use atoll_api::temporal::api::common::v1::{ActivityType, WorkflowType};
use atoll_api::temporal::api::enums::v1::{CommandType, EventType};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKind;
use cell_engine::commands::*;
use cell_engine::{
    Command, Context, CurrentRun, EffectKey, EffectKind, Entity as _, Grace, IdSource, Limits,
    NamespaceConfig, PendingKind, Run, Time, Transition, View, Workflows,
};
use prost::Message;
use prost_types::Duration;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use uuid::Uuid;

thread_local! {
    /// Allocations and bytes of this thread.
    static COUNTED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

struct Counting;

fn count(bytes: usize) {
    // A thread that is being torn down has nothing left to count with.
    COUNTED.try_with(|counted| counted.set((counted.get().0 + 1, counted.get().1 + bytes as u64))).ok();
}

#[allow(unsafe_code, reason = "an allocator can be had in no other way")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as it came.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as it came.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations, allocated bytes, and pending items that were looked at (0 in release builds).
type Cost = [u64; 3];

fn cost_so_far() -> Cost {
    let (allocations, bytes) = COUNTED.get();
    #[cfg(debug_assertions)]
    let visited = cell_engine::visited_items();
    #[cfg(not(debug_assertions))]
    let visited = 0;
    [allocations, bytes, visited]
}

/// INITIATED event of the first child: the second command of the first answer.
const FIRST_CHILD: i64 = 6;

/// A run with a few things pending or with many.
struct Bench {
    run: Option<Run>,
    current: Option<CurrentRun>,
    workflow_id: Arc<str>,
    namespace: NamespaceConfig,
    limits: Limits,
    ids: IdSource,
    now: Time,
    /// What workers are given.
    grace: Grace,
}

impl Bench {
    /// A run in which this many activities, timers and children are pending and as many request ids are known, without
    /// a workflow task. The first timer fires before all others.
    fn with_pending(pending: usize) -> Self {
        let mut cell = Self {
            run: None,
            current: None,
            workflow_id: "w".into(),
            namespace: NamespaceConfig {
                id: Uuid::from_u128(1),
                name: "default".into(),
                retention_nanos: 1_000_000_000,
            },
            limits: Limits {
                pending_activities: 10_000,
                pending_children: 10_000,
                signals: 100_000,
                ..Limits::default()
            },
            ids: IdSource::new(3),
            now: Time(1_700_000_000_000_000_000),
            grace: Grace::NONE,
        };
        let start = StartWorkflow {
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            ..Default::default()
        };
        cell.step(start);
        let task = cell.take_task();
        let mut commands = vec![timer("t", 1), child("c")];
        for n in 0..pending {
            commands.extend([
                activity(&format!("a{n}")),
                timer(&format!("t{n}"), 3_600),
                child(&format!("c{n}")),
            ]);
        }
        cell.complete(task, commands);
        for n in 0..pending {
            cell.step(signal(&format!("request-{n}")));
        }
        let task = cell.take_task();
        cell.complete(task, Vec::new());
        cell
    }

    /// Decides and applies; panics where the step is refused. Answers what it cost.
    fn step<C: Command<Family = Workflows>>(&mut self, command: C) -> (C::Reply, Cost) {
        let before = cost_so_far();
        let view = View {
            namespace_id: self.namespace.id,
            workflow_id: &self.workflow_id,
            current: self.current.as_ref(),
            run: self.run.as_ref(),
        };
        let mut context =
            Context { now: self.now, ids: &mut self.ids, limits: &self.limits, namespace: &self.namespace };
        let decision = command.decide(view, &mut context);
        decision.transitions.iter().for_each(|transition| self.apply(transition));
        let answer = decision.answer.unwrap_or_else(|rejection| panic!("refused: {rejection}"));
        let wake = self.run.as_mut().and_then(|run| run.wake_in(self.grace));
        std::hint::black_box(wake);
        let after = cost_so_far();
        (answer, std::array::from_fn(|n| after[n] - before[n]))
    }

    fn apply(&mut self, transition: &Transition) {
        let key = || transition.entity.clone();
        std::hint::black_box(match transition.entity.kind {
            EntityKind::CURRENT_RUN => {
                self.current.get_or_insert_with(|| CurrentRun::new(key())).apply(transition)
            }
            _ => self.run.get_or_insert_with(|| Run::new(key())).apply(transition),
        });
    }

    fn run(&self) -> &Run {
        self.run.as_ref().expect("it was started")
    }

    fn take_task(&mut self) -> WorkflowTaskRef {
        let task = self.run().workflow_task().waiting().expect("a workflow task waits");
        let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
        let poll = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
        let (started, _) = self.step(poll);
        WorkflowTaskRef { scheduled_event_id, attempt: started.attempt, nonce: started.nonce }
    }

    fn complete(&mut self, task: WorkflowTaskRef, commands: Vec<WorkflowCommand>) -> Cost {
        self.step(RespondWorkflowTaskCompleted { task: Some(task), commands, ..Default::default() }).1
    }

    /// Takes the activity that was scheduled last; answers its token and the cost.
    fn take_activity(&mut self) -> (ActivityRef, Cost) {
        let offered = self.run().effects().filter_map(|effect| match effect.kind {
            EffectKind::DispatchActivity(offered) => Some((offered.scheduled_event_id, offered.stamp)),
            _ => None,
        });
        let (scheduled_event_id, stamp) = offered.last().expect("an activity is offered");
        let (started, cost) =
            self.step(RecordActivityStarted { scheduled_event_id, stamp, ..Default::default() });
        (ActivityRef::Token { scheduled_event_id, attempt: started.attempt, nonce: started.nonce }, cost)
    }
}

fn activity(id: &str) -> WorkflowCommand {
    let scheduled = command::ScheduleActivityTaskCommandAttributes {
        activity_id: id.into(),
        activity_type: Some(ActivityType { name: "work".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: Some(Duration { seconds: 60, nanos: 0 }),
        heartbeat_timeout: Some(Duration { seconds: 30, nanos: 0 }),
        ..Default::default()
    };
    WorkflowCommand {
        command_type: CommandType::ScheduleActivityTask as i32,
        attributes: Some(Wanted::ScheduleActivityTaskCommandAttributes(scheduled)),
        ..Default::default()
    }
}

fn timer(id: &str, seconds: i64) -> WorkflowCommand {
    let start_to_fire_timeout = Some(Duration { seconds, nanos: 0 });
    let timer = command::StartTimerCommandAttributes { timer_id: id.into(), start_to_fire_timeout };
    WorkflowCommand {
        command_type: CommandType::StartTimer as i32,
        attributes: Some(Wanted::StartTimerCommandAttributes(timer)),
        ..Default::default()
    }
}

fn child(id: &str) -> WorkflowCommand {
    let child = command::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: id.into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        ..Default::default()
    };
    WorkflowCommand {
        command_type: CommandType::StartChildWorkflowExecution as i32,
        attributes: Some(Wanted::StartChildWorkflowExecutionCommandAttributes(child)),
        ..Default::default()
    }
}

fn signal(request_id: &str) -> SignalWorkflow {
    SignalWorkflow { name: "s".into(), request_id: request_id.into(), ..Default::default() }
}

/// Steps of workflow tasks, timers and signals.
fn task_costs(cell: &mut Bench) -> Vec<(&'static str, Cost)> {
    let (_, signaled) = cell.step(signal("one more"));
    let (_, repeated) = cell.step(signal("one more"));
    let task = cell.take_task();
    let (_, buffered) = cell.step(signal("another"));
    let commands = vec![activity("one more"), timer("another", 7_200), child("another")];
    let task_completion = cell.complete(task, commands);
    cell.now = cell.run().wake().expect("the timer is there");
    let timer_fire = cell.step(Wake { grace: Grace::NONE }).1;
    let task = cell.take_task();
    cell.complete(task, Vec::new());
    vec![
        ("signal", signaled),
        ("repeated signal", repeated),
        ("signal that waits", buffered),
        ("workflow task completion", task_completion),
        ("timer fire", timer_fire),
    ]
}

/// Steps of activities.
fn activity_costs(cell: &mut Bench) -> Vec<(&'static str, Cost)> {
    let (token, activity_start) = cell.take_activity();
    let heartbeat = cell.step(RecordActivityHeartbeat { activity: token.clone(), details: None }).1;
    let identity = String::new();
    let answer = RespondActivityCompleted { activity: token, result: None, identity: identity.clone() };
    let activity_completion = cell.step(answer).1;
    let task = cell.take_task();
    cell.complete(task, vec![activity("last")]);
    let (token, _) = cell.take_activity();
    let failed =
        RespondActivityFailed { activity: token, failure: None, identity, last_heartbeat_details: None };
    let activity_retry = cell.step(failed).1;
    vec![
        ("activity start", activity_start),
        ("heartbeat", heartbeat),
        ("activity completion", activity_completion),
        ("activity retry", activity_retry),
    ]
}

/// Messages about the first child.
fn child_costs(cell: &mut Bench) -> Vec<(&'static str, Cost)> {
    let (initiated_event_id, run_id) = (FIRST_CHILD, Uuid::from_u128(7));
    let child_start = cell.step(RecordChildStarted { initiated_event_id, run_id }).1;
    let child_release = cell.step(RecordChildReleased { initiated_event_id }).1;
    let completed = HistoryEvent {
        event_type: EventType::WorkflowExecutionCompleted as i32,
        attributes: Some(Attributes::WorkflowExecutionCompletedEventAttributes(Default::default())),
        ..Default::default()
    };
    let closed = RecordChildClosed {
        initiated_event_id,
        child_run_id: run_id,
        first_run_id: run_id,
        workflow_id: "c".into(),
        workflow_type: "type".into(),
        close_event: completed.encode_to_vec().into(),
    };
    let child_close = cell.step(closed).1;
    vec![("child start", child_start), ("child release", child_release), ("child close", child_close)]
}

/// Each kind of step and what it cost.
fn costs(pending: usize) -> Vec<(&'static str, Cost)> {
    let mut cell = Bench::with_pending(pending);
    let mut costs = task_costs(&mut cell);
    costs.extend(activity_costs(&mut cell));
    costs.extend(child_costs(&mut cell));
    costs
}

#[test]
fn a_step_costs_the_same_however_much_is_pending() {
    costs(1);
    let (few, many) = (costs(1), costs(2_000));
    let mut dearer = Vec::new();
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        println!("{name}: {few:?} at 1, {many:?} at 2,000 (allocations, bytes, items looked at)");
        if few.iter().zip(many).any(|(few, many)| many * 10 > few * 12) {
            dearer.push(name);
        }
    }
    assert!(dearer.is_empty(), "these cost more with 2,000 pending: {dearer:?}");
}

/// Each kind of step in the grace after a takeover, of a run with activities that are all overdue, and what it cost.
fn costs_in_a_grace(pending: usize) -> Vec<(&'static str, Cost)> {
    const SECOND: i64 = 1_000_000_000;
    let mut cell = Bench::with_pending(pending);
    let offered: Vec<_> = cell
        .run()
        .effects()
        .filter_map(|effect| match effect.kind {
            EffectKind::DispatchActivity(offered) => Some((offered.scheduled_event_id, offered.stamp)),
            _ => None,
        })
        .collect();
    let mut tokens = Vec::new();
    for (scheduled_event_id, stamp) in offered {
        let poll = RecordActivityStarted { scheduled_event_id, stamp, ..Default::default() };
        let (started, _) = cell.step(poll);
        let (attempt, nonce) = (started.attempt, started.nonce);
        tokens.push(ActivityRef::Token { scheduled_event_id, attempt, nonce });
    }
    cell.now = cell.now.plus(1_000 * SECOND);
    cell.grace = Grace { since: cell.now, at_most_ns: 10 * SECOND };
    // The first look at a run in a grace is at everything in it.
    cell.step(Wake { grace: cell.grace });
    let activity = tokens.pop().expect("some");
    let heartbeat = cell.step(RecordActivityHeartbeat { activity: activity.clone(), details: None }).1;
    let answer = RespondActivityCompleted { activity, result: None, identity: String::new() };
    let completion = cell.step(answer).1;
    let (_, signaled) = cell.step(signal("one more"));
    cell.now = cell.now.plus(10 * SECOND);
    let timeout = cell.step(Wake { grace: cell.grace }).1;
    vec![
        ("heartbeat", heartbeat),
        ("activity completion", completion),
        ("signal", signaled),
        ("timeout behind the grace", timeout),
    ]
}

#[test]
fn a_step_in_a_grace_costs_the_same_however_much_waits_for_workers() {
    costs_in_a_grace(2);
    let (few, many) = (costs_in_a_grace(2), costs_in_a_grace(1_000));
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        println!("{name}: {few:?} at 2, {many:?} at 1,000 (allocations, bytes, items looked at)");
        assert!(many[2] <= few[2] + 4, "{name} looks at {} items of 1,000, and at {} of 2", many[2], few[2]);
    }
}

/// Takes a checkpoint that succeeds; answers its bytes, and the items that were looked at for it: by the run, and by
/// the shard, which asks whether the run has messages and how the task stands that was offered last.
fn checkpoint(cell: &mut Bench) -> (usize, u64) {
    let [_, _, before] = cost_so_far();
    let run = cell.run.as_mut().expect("it was started");
    let written = run.checkpoint();
    run.checkpointed(&written.receipt);
    std::hint::black_box((
        run.messages().next(),
        run.effect(EffectKey::Pending(PendingKind::Activity, FIRST_CHILD - 1)),
    ));
    let [_, _, after] = cost_so_far();
    (written.base.len() + written.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>(), after - before)
}

#[test]
fn a_checkpoint_after_a_step_writes_what_the_step_changed() {
    let mut cell = Bench::with_pending(2_000);
    let (first, _) = checkpoint(&mut cell);
    let whole = cell.run().snapshot().len();
    assert!(first >= whole && whole > 400_000, "{first} and {whole} bytes");
    let check = |cell: &mut Bench, step: &str| {
        let (bytes, items) = checkpoint(cell);
        println!(
            "after {step}: {bytes} bytes, {items} items looked at; the whole snapshot has {whole} bytes"
        );
        assert!(0 < bytes && bytes < 16 << 10, "{step}: {bytes} bytes");
        assert!(items <= 128, "{step}: {items} items");
    };
    check(&mut cell, "nothing");
    cell.step(signal("one more"));
    check(&mut cell, "a signal");
    let task = cell.take_task();
    check(&mut cell, "a workflow task start");
    cell.complete(task, vec![activity("one more"), timer("another", 7_200), child("another")]);
    check(&mut cell, "a workflow task completion");
    let (activity, _) = cell.take_activity();
    check(&mut cell, "an activity start");
    cell.step(RecordActivityHeartbeat { activity: activity.clone(), details: None });
    check(&mut cell, "a heartbeat");
    cell.step(RespondActivityCompleted { activity, result: None, identity: String::new() });
    check(&mut cell, "an activity completion");
    cell.now = cell.run().wake().expect("the timer is there");
    cell.step(Wake { grace: Grace::NONE });
    check(&mut cell, "a timer fire");
    cell.step(RecordChildStarted { initiated_event_id: FIRST_CHILD, run_id: Uuid::from_u128(7) });
    check(&mut cell, "a child start");
}

#[test]
fn what_a_step_looks_at_is_counted() {
    let mut cell = Bench::with_pending(1);
    let (_, [allocations, bytes, items]) = cell.step(TerminateWorkflow::default());
    assert!(allocations > 0 && bytes > 0);
    let mut cell = Bench::with_pending(100);
    let (_, [_, _, more]) = cell.step(TerminateWorkflow::default());
    // Closing a run ends everything that is pending.
    assert!(!cfg!(debug_assertions) || more > items + 99, "{items} and {more}");
}
