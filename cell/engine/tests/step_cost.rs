//! What a step costs does not depend on what else is pending: allocations are counted.

use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as command, Command as WorkflowCommand};
use atoll_api::temporal::api::common::v1::{ActivityType, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKind;
use cell_engine::commands::*;
use cell_engine::{
    Command, Context, CurrentRun, EffectKind, IdSource, Limits, NamespaceConfig, Run, Time, Transition, View,
};
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

/// A run with a few activities or with many.
struct Bench {
    run: Option<Run>,
    current: Option<CurrentRun>,
    workflow_id: Arc<str>,
    namespace: NamespaceConfig,
    limits: Limits,
    ids: IdSource,
    now: Time,
}

impl Bench {
    /// A run in which this many activities are pending, one of them started, with a timer, and no workflow task.
    fn with_pending(activities: usize) -> Self {
        let mut cell = Self {
            run: None,
            current: None,
            workflow_id: "w".into(),
            namespace: NamespaceConfig {
                id: Uuid::from_u128(1),
                name: "default".into(),
                retention_nanos: 1_000_000_000,
            },
            limits: Limits { pending_activities: 10_000, ..Limits::default() },
            ids: IdSource::new(3),
            now: Time(1_700_000_000_000_000_000),
        };
        let start = StartWorkflow {
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            ..Default::default()
        };
        cell.step(start);
        let task = cell.take_task();
        let mut commands: Vec<WorkflowCommand> =
            (0..activities).map(|n| activity(&format!("a{n}"))).collect();
        commands.push(timer());
        cell.complete(task, commands);
        cell
    }

    /// Decides and applies; panics where the step is refused. Answers what it cost.
    fn step<C: Command>(&mut self, command: C) -> (C::Reply, (u64, u64)) {
        let before = COUNTED.get();
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
        let wake = self.run.as_ref().and_then(Run::wake);
        std::hint::black_box(wake);
        let after = COUNTED.get();
        (answer, (after.0 - before.0, after.1 - before.1))
    }

    fn apply(&mut self, transition: &Transition) {
        let key = || transition.entity.clone();
        std::hint::black_box(match transition.entity.kind {
            EntityKind::CurrentRun => {
                self.current.get_or_insert_with(|| CurrentRun::new(key())).apply(transition)
            }
            EntityKind::WorkflowRun => self.run.get_or_insert_with(|| Run::new(key())).apply(transition),
        });
    }

    fn run(&self) -> &Run {
        self.run.as_ref().expect("it was started")
    }

    fn take_task(&mut self) -> TaskRef {
        let task = self.run().workflow_task().expect("a workflow task waits");
        let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
        let poll = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
        let (started, _) = self.step(poll);
        TaskRef { scheduled_event_id, attempt: started.attempt, nonce: started.nonce }
    }

    fn complete(&mut self, task: TaskRef, commands: Vec<WorkflowCommand>) -> (u64, u64) {
        self.step(RespondWorkflowTaskCompleted { task: Some(task), commands, ..Default::default() }).1
    }

    /// Takes the activity that was scheduled last; answers its token and the cost.
    fn take_activity(&mut self) -> (ActivityRef, (u64, u64)) {
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

fn second() -> Option<Duration> {
    Some(Duration { seconds: 1, nanos: 0 })
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

fn timer() -> WorkflowCommand {
    let timer =
        command::StartTimerCommandAttributes { timer_id: "t".into(), start_to_fire_timeout: second() };
    WorkflowCommand {
        command_type: CommandType::StartTimer as i32,
        attributes: Some(Wanted::StartTimerCommandAttributes(timer)),
        ..Default::default()
    }
}

/// Each kind of step and what it cost: allocations and bytes.
fn costs(pending: usize) -> Vec<(&'static str, (u64, u64))> {
    let mut cell = Bench::with_pending(pending);
    let (_, signal) = cell.step(SignalWorkflow { name: "s".into(), ..Default::default() });
    let task = cell.take_task();
    let task_completion = cell.complete(task, vec![activity("one more")]);
    let (token, activity_start) = cell.take_activity();
    let heartbeat = cell.step(RecordActivityHeartbeat { activity: token.clone(), details: None }).1;
    let identity = String::new();
    let answer = RespondActivityCompleted { activity: token, result: None, identity: identity.clone() };
    let activity_completion = cell.step(answer).1;
    let task = cell.take_task();
    cell.complete(task, Vec::new());
    let (token, _) = cell.take_activity();
    let failed =
        RespondActivityFailed { activity: token, failure: None, identity, last_heartbeat_details: None };
    let activity_retry = cell.step(failed).1;
    cell.now = cell.run().wake().expect("the timer is there");
    let timer_fire = cell.step(Wake { worker_deadlines_from: Time(0) }).1;
    assert!(cell.run().workflow_task().is_some(), "the timer fired");
    vec![
        ("signal", signal),
        ("workflow task completion", task_completion),
        ("activity start", activity_start),
        ("heartbeat", heartbeat),
        ("activity completion", activity_completion),
        ("activity retry", activity_retry),
        ("timer fire", timer_fire),
    ]
}

#[test]
fn a_step_costs_the_same_however_much_is_pending() {
    costs(1);
    let (few, many) = (costs(1), costs(2_000));
    let mut dearer = Vec::new();
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        println!("{name}: {} allocations, {} bytes at 1; {} and {} at 2,000", few.0, few.1, many.0, many.1);
        assert!(few.0 > 0, "{name} is counted");
        if many.0 * 10 >= few.0 * 12 || many.1 * 10 >= few.1 * 12 {
            dearer.push(name);
        }
    }
    assert!(dearer.is_empty(), "these cost more with 2,000 pending activities: {dearer:?}");
}
