//! A workflow as its worker sees it: from its history and its plan to its next commands. Pure.

use crate::plan::{ActivityPlan, Op, Plan, WorkflowPlan};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as command, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, Payload, Payloads, RetryPolicy, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The task queue of every workflow and activity.
pub(crate) const QUEUE: &str = "work";

/// What a history says is under way and done.
#[derive(Default)]
struct Progress {
    issued: BTreeSet<String>,
    done: BTreeSet<String>,
    signals: usize,
    /// Names of operations by the event that issued them.
    names: BTreeMap<i64, String>,
}

impl Progress {
    fn of(events: &[HistoryEvent]) -> Self {
        let mut progress = Self::default();
        for event in events {
            progress.take_in(event);
        }
        progress
    }

    fn issue(&mut self, event: &HistoryEvent, name: String) {
        self.names.insert(event.event_id, name.clone());
        self.issued.insert(name);
    }

    fn finish(&mut self, issued_by: i64) {
        if let Some(name) = self.names.get(&issued_by) {
            self.done.insert(name.clone());
        }
    }

    fn take_in(&mut self, event: &HistoryEvent) {
        match event.attributes.as_ref() {
            Some(Event::ActivityTaskScheduledEventAttributes(a)) => self.issue(event, a.activity_id.clone()),
            Some(Event::ActivityTaskCompletedEventAttributes(a)) => self.finish(a.scheduled_event_id),
            Some(Event::ActivityTaskFailedEventAttributes(a)) => self.finish(a.scheduled_event_id),
            Some(Event::ActivityTaskTimedOutEventAttributes(a)) => self.finish(a.scheduled_event_id),
            Some(Event::ActivityTaskCanceledEventAttributes(a)) => self.finish(a.scheduled_event_id),
            Some(Event::TimerStartedEventAttributes(t)) => self.issue(event, t.timer_id.clone()),
            Some(Event::TimerFiredEventAttributes(t)) => self.finish(t.started_event_id),
            Some(Event::WorkflowExecutionSignaledEventAttributes(_)) => self.signals += 1,
            Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(c)) => {
                self.issue(event, format!("child {}", c.workflow_id));
            }
            Some(Event::StartChildWorkflowExecutionFailedEventAttributes(c)) => {
                self.finish(c.initiated_event_id);
            }
            Some(Event::ChildWorkflowExecutionCompletedEventAttributes(c)) => {
                self.finish(c.initiated_event_id);
            }
            Some(Event::ChildWorkflowExecutionFailedEventAttributes(c)) => self.finish(c.initiated_event_id),
            _ => {}
        }
    }
}

/// What a workflow that has this history does next.
pub(crate) fn decide(plan: &Plan, workflow: &WorkflowPlan, events: &[HistoryEvent]) -> Vec<Command> {
    let progress = Progress::of(events);
    for (stage, ops) in workflow.stages.iter().enumerate() {
        let mut commands = Vec::new();
        let mut waits = false;
        for (index, op) in ops.iter().enumerate() {
            let name = name_of(plan, stage, index, op);
            if let Op::Signals(count) = op {
                waits |= progress.signals < *count;
                continue;
            }
            waits |= !progress.done.contains(&name);
            if !progress.issued.contains(&name) {
                commands.push(issue(plan, op, name));
            }
        }
        if waits {
            return commands;
        }
    }
    vec![complete(&workflow.id)]
}

fn name_of(plan: &Plan, stage: usize, index: usize, op: &Op) -> String {
    match op {
        Op::Child(child) => format!("child {}", plan.workflows[*child].id),
        _ => format!("{stage}.{index}"),
    }
}

/// The plan of an activity by its id.
pub(crate) fn activity<'p>(workflow: &'p WorkflowPlan, id: &str) -> Option<&'p ActivityPlan> {
    let (stage, index) = id.split_once('.')?;
    match workflow.stages.get(stage.parse::<usize>().ok()?)?.get(index.parse::<usize>().ok()?)? {
        Op::Activity(activity) => Some(activity),
        _ => None,
    }
}

fn issue(plan: &Plan, op: &Op, name: String) -> Command {
    match op {
        Op::Activity(activity) => {
            let attributes = command::ScheduleActivityTaskCommandAttributes {
                activity_id: name,
                activity_type: Some(ActivityType { name: "Work".to_owned() }),
                task_queue: queue(),
                start_to_close_timeout: proto(activity.start_to_close),
                heartbeat_timeout: activity.heartbeat.and_then(proto),
                retry_policy: Some(RetryPolicy {
                    initial_interval: proto(Duration::from_secs(1)),
                    backoff_coefficient: 1.5,
                    maximum_interval: proto(Duration::from_secs(10)),
                    maximum_attempts: activity.maximum_attempts,
                    ..RetryPolicy::default()
                }),
                ..Default::default()
            };
            made(
                CommandType::ScheduleActivityTask,
                Attributes::ScheduleActivityTaskCommandAttributes(attributes),
            )
        }
        Op::Timer(after) => {
            let attributes =
                command::StartTimerCommandAttributes { timer_id: name, start_to_fire_timeout: proto(*after) };
            made(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
        }
        Op::Child(child) => {
            let attributes = command::StartChildWorkflowExecutionCommandAttributes {
                workflow_id: plan.workflows[*child].id.clone(),
                workflow_type: workflow_type(),
                task_queue: queue(),
                workflow_task_timeout: proto(Duration::from_secs(10)),
                ..Default::default()
            };
            made(
                CommandType::StartChildWorkflowExecution,
                Attributes::StartChildWorkflowExecutionCommandAttributes(attributes),
            )
        }
        Op::Signals(_) => unreachable!("a workflow does nothing for a signal"),
    }
}

fn complete(text: &str) -> Command {
    let attributes = command::CompleteWorkflowExecutionCommandAttributes { result: payloads(text) };
    made(
        CommandType::CompleteWorkflowExecution,
        Attributes::CompleteWorkflowExecutionCommandAttributes(attributes),
    )
}

fn made(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

pub(crate) fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: QUEUE.to_owned(), ..Default::default() })
}

pub(crate) fn workflow_type() -> Option<WorkflowType> {
    Some(WorkflowType { name: "Scripted".to_owned() })
}

pub(crate) fn proto(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

pub(crate) fn payloads(text: &str) -> Option<Payloads> {
    let metadata = [("encoding".to_owned(), "json/plain".into())].into_iter().collect();
    Some(Payloads {
        payloads: vec![Payload { metadata, data: format!("\"{text}\"").into(), ..Default::default() }],
    })
}
