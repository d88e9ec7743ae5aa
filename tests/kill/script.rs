//! What a workflow of the load does, by its number.

use atoll_api::temporal::api::command::v1 as cmd;
use atoll_api::temporal::api::command::v1::command::Attributes as Command;
use atoll_api::temporal::api::common::v1::{ActivityType, RetryPolicy, WorkflowType};
use atoll_api::temporal::api::enums::v1::{CommandType, EventType};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use std::collections::BTreeMap;

pub const NAMESPACE: &str = "load";
const QUEUE: &str = "load";
/// The activity that every workflow has.
pub const ACTIVITY: &str = "a";
/// The activity that is never to be handed out twice.
pub const ONCE: &str = "once";
/// Workers' time limit: what is lost with a crash is given up so long after the takeover.
pub const LIMIT_SECONDS: i64 = 1;

/// What one workflow does.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// A child of the load has no script: it completes.
    pub is_child: bool,
    /// Its input is too large for a log row: the event goes to a side row.
    pub is_large: bool,
    /// The first attempt of its activity fails.
    pub is_retried: bool,
    /// It has a child.
    pub has_child: bool,
    /// It has an activity of a single attempt.
    pub has_once: bool,
}

impl Script {
    /// The script of a workflow id: `w-STARTER-NUMBER`, or `w-STARTER-NUMBER-child`.
    pub fn of(workflow_id: &str) -> Self {
        let number = workflow_id.split('-').nth(2).and_then(|number| number.parse().ok()).unwrap_or(0_u64);
        let is_child = workflow_id.ends_with(CHILD);
        Self {
            is_child,
            is_large: number.is_multiple_of(8),
            is_retried: number.is_multiple_of(3),
            has_child: !is_child && number % 4 == 1,
            has_once: !is_child && number % 5 == 2,
        }
    }

    /// How a workflow answers when its history is this; empty where it waits.
    pub fn commands(self, workflow_id: &str, history: &[HistoryEvent]) -> Vec<cmd::Command> {
        if self.is_child {
            return vec![complete()];
        }
        let seen = Seen::of(history);
        if !seen.has_begun {
            let mut commands = vec![activity(ACTIVITY, 0), timer()];
            commands.extend(self.has_once.then(|| activity(ONCE, 1)));
            commands.extend(self.has_child.then(|| child(workflow_id)));
            return commands;
        }
        let done = seen.ended(ACTIVITY)
            && seen.fired
            && seen.signals > 0
            && (!self.has_once || seen.ended(ONCE))
            && (!self.has_child || seen.child_completed);
        if done { vec![complete()] } else { Vec::new() }
    }
}

const CHILD: &str = "-child";

/// The child's workflow id.
pub fn child_of(workflow_id: &str) -> String {
    format!("{workflow_id}{CHILD}")
}

/// What a history shows.
#[derive(Default)]
struct Seen {
    has_begun: bool,
    fired: bool,
    signals: usize,
    child_completed: bool,
    /// Activity ids by the event that scheduled them.
    scheduled: BTreeMap<i64, String>,
    /// Scheduled events of activities that have ended.
    ended: Vec<i64>,
}

impl Seen {
    fn of(history: &[HistoryEvent]) -> Self {
        let mut seen = Self::default();
        for event in history {
            match &event.attributes {
                Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
                    seen.scheduled.insert(event.event_id, scheduled.activity_id.clone());
                }
                Some(Attributes::ActivityTaskCompletedEventAttributes(end)) => {
                    seen.ended.push(end.scheduled_event_id);
                }
                Some(Attributes::ActivityTaskTimedOutEventAttributes(end)) => {
                    seen.ended.push(end.scheduled_event_id);
                }
                _ => match event.event_type() {
                    EventType::TimerStarted => seen.has_begun = true,
                    EventType::TimerFired => seen.fired = true,
                    EventType::WorkflowExecutionSignaled => seen.signals += 1,
                    EventType::ChildWorkflowExecutionCompleted => seen.child_completed = true,
                    _ => {}
                },
            }
        }
        seen
    }

    fn ended(&self, activity_id: &str) -> bool {
        self.ended.iter().any(|event| self.scheduled.get(event).is_some_and(|id| id == activity_id))
    }
}

fn activity(id: &str, maximum_attempts: i32) -> cmd::Command {
    let retry_policy = RetryPolicy {
        initial_interval: Some(prost_types::Duration { seconds: 0, nanos: 20_000_000 }),
        maximum_interval: Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 }),
        backoff_coefficient: 2.0,
        maximum_attempts,
        ..RetryPolicy::default()
    };
    let schedule = cmd::ScheduleActivityTaskCommandAttributes {
        activity_id: id.into(),
        activity_type: Some(ActivityType { name: "load".into() }),
        task_queue: Some(queue()),
        start_to_close_timeout: seconds(LIMIT_SECONDS),
        retry_policy: Some(retry_policy),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Command::ScheduleActivityTaskCommandAttributes(schedule))
}

fn timer() -> cmd::Command {
    let start = cmd::StartTimerCommandAttributes {
        timer_id: "t".into(),
        start_to_fire_timeout: Some(prost_types::Duration { seconds: 0, nanos: 50_000_000 }),
    };
    command(CommandType::StartTimer, Command::StartTimerCommandAttributes(start))
}

fn child(workflow_id: &str) -> cmd::Command {
    let start = cmd::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: child_of(workflow_id),
        workflow_type: Some(WorkflowType { name: "child".into() }),
        task_queue: Some(queue()),
        workflow_task_timeout: seconds(LIMIT_SECONDS),
        ..Default::default()
    };
    command(
        CommandType::StartChildWorkflowExecution,
        Command::StartChildWorkflowExecutionCommandAttributes(start),
    )
}

fn complete() -> cmd::Command {
    let complete = cmd::CompleteWorkflowExecutionCommandAttributes::default();
    command(
        CommandType::CompleteWorkflowExecution,
        Command::CompleteWorkflowExecutionCommandAttributes(complete),
    )
}

fn command(kind: CommandType, attributes: Command) -> cmd::Command {
    cmd::Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

pub fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

pub fn queue() -> TaskQueue {
    TaskQueue { name: QUEUE.into(), ..Default::default() }
}
