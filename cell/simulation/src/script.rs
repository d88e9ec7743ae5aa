//! A workflow as its worker sees it: from its history and its plan to its next commands. Pure.

use crate::plan::{ActivityPlan, Op, Plan, WorkflowPlan};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as command, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, Payload, Payloads, RetryPolicy, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The task queue of every workflow and activity.
pub(crate) const QUEUE: &str = "work";
/// How long a worker may take for a workflow task.
pub(crate) const TASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a task waits for a worker that has its workflow in its cache.
pub(crate) const STICKY_TIMEOUT: Duration = Duration::from_secs(5);

/// The name of the signals that clients send.
pub(crate) const GO: &str = "go";
/// The name of the signals that workflows send.
pub(crate) const WORD: &str = "word";

/// What a run knows when it begins: which run of its chain it is, and the signals that earlier ones took.
#[derive(Clone, Default)]
struct Carried {
    run: usize,
    signals: BTreeSet<String>,
}

impl Carried {
    /// From a run's input; a child has none.
    fn read(input: Option<&Payloads>) -> Self {
        let text = input.map(text_of).unwrap_or_default();
        let Some((run, signals)) = text.split_once(':') else { return Self::default() };
        let signals = signals.split(',').filter(|number| !number.is_empty());
        Self { run: run.parse().unwrap_or(0), signals: signals.map(str::to_owned).collect() }
    }

    fn write(&self) -> String {
        let signals: Vec<&str> = self.signals.iter().map(String::as_str).collect();
        format!("{}:{}", self.run, signals.join(","))
    }
}

/// What a history says is under way and done.
#[derive(Default)]
struct Progress {
    carried: Carried,
    issued: BTreeSet<String>,
    done: BTreeSet<String>,
    /// Which attempt of its chain the run is.
    attempt: usize,
    /// Whether it was asked to cancel.
    cancel: bool,
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
        let Some(attributes) = event.attributes.as_ref() else { return };
        match attributes {
            Event::WorkflowExecutionStartedEventAttributes(s) => {
                self.carried = Carried::read(s.input.as_ref());
                self.attempt = usize::try_from(s.attempt).unwrap_or(0);
            }
            Event::WorkflowExecutionSignaledEventAttributes(s) if s.signal_name == GO => {
                self.carried.signals.insert(s.input.as_ref().map(text_of).unwrap_or_default());
            }
            Event::WorkflowExecutionCancelRequestedEventAttributes(_) => self.cancel = true,
            _ => {
                if let Some(name) = issued_name(attributes) {
                    self.issue(event, name);
                }
                if let Some(issued_by) = ended(attributes) {
                    self.finish(issued_by);
                }
            }
        }
    }
}

/// The name of the operation that an event begins.
#[allow(deprecated, reason = "the only field of such an event that workers choose")]
fn issued_name(event: &Event) -> Option<String> {
    Some(match event {
        Event::ActivityTaskScheduledEventAttributes(a) => a.activity_id.clone(),
        Event::TimerStartedEventAttributes(t) => t.timer_id.clone(),
        Event::StartChildWorkflowExecutionInitiatedEventAttributes(c) => child_name(&c.workflow_id),
        Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(s) => s.control.clone(),
        Event::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(c) => c.control.clone(),
        _ => return None,
    })
}

/// The event that began the operation that an event ends.
fn ended(event: &Event) -> Option<i64> {
    Some(match event {
        Event::ActivityTaskCompletedEventAttributes(a) => a.scheduled_event_id,
        Event::ActivityTaskFailedEventAttributes(a) => a.scheduled_event_id,
        Event::ActivityTaskTimedOutEventAttributes(a) => a.scheduled_event_id,
        Event::ActivityTaskCanceledEventAttributes(a) => a.scheduled_event_id,
        Event::TimerFiredEventAttributes(t) => t.started_event_id,
        Event::StartChildWorkflowExecutionFailedEventAttributes(c) => c.initiated_event_id,
        Event::ChildWorkflowExecutionCompletedEventAttributes(c) => c.initiated_event_id,
        Event::ChildWorkflowExecutionFailedEventAttributes(c) => c.initiated_event_id,
        Event::ExternalWorkflowExecutionSignaledEventAttributes(s) => s.initiated_event_id,
        Event::SignalExternalWorkflowExecutionFailedEventAttributes(s) => s.initiated_event_id,
        Event::ExternalWorkflowExecutionCancelRequestedEventAttributes(c) => c.initiated_event_id,
        Event::RequestCancelExternalWorkflowExecutionFailedEventAttributes(c) => c.initiated_event_id,
        _ => return None,
    })
}

/// What a workflow that has this history does next.
pub(crate) fn decide(plan: &Plan, workflow: &WorkflowPlan, events: &[HistoryEvent]) -> Vec<Command> {
    let progress = Progress::of(events);
    if workflow.obeys && progress.cancel {
        return vec![cancel()];
    }
    let run = progress.carried.run;
    for (stage, ops) in workflow.stages(run).iter().enumerate() {
        let mut commands = Vec::new();
        let mut waits = false;
        for (index, op) in ops.iter().enumerate() {
            let name = name_of(plan, [run, stage, index], op);
            if let Op::Signals(count) = op {
                waits |= progress.carried.signals.len() < *count;
                continue;
            }
            waits |= !progress.done.contains(&name);
            if !progress.issued.contains(&name) {
                commands.push(issue(plan, workflow, op, name));
            }
        }
        if waits {
            return commands;
        }
    }
    if progress.attempt <= workflow.retries {
        vec![fail(progress.attempt)]
    } else if run + 1 < workflow.runs.len() {
        vec![continue_as_new(&Carried { run: run + 1, ..progress.carried })]
    } else if workflow.fails {
        vec![fail(progress.attempt)]
    } else {
        vec![complete(&workflow.id)]
    }
}

/// The name of an operation: where it stands in the plan, as run, stage and place.
pub(crate) fn name_of(plan: &Plan, place: [usize; 3], op: &Op) -> String {
    match op {
        Op::Child(child) => child_name(&plan.workflows[*child].id),
        _ => place.map(|number| number.to_string()).join("."),
    }
}

fn child_name(workflow_id: &str) -> String {
    format!("child {workflow_id}")
}

/// What a workflow's signal to another one says: nobody else says that.
pub(crate) fn word(sender: &str, name: &str) -> String {
    format!("{name} of {sender}")
}

/// The plan of an activity by its id.
pub(crate) fn activity<'p>(workflow: &'p WorkflowPlan, id: &str) -> Option<&'p ActivityPlan> {
    let mut place = id.split('.').map(|number| number.parse::<usize>().ok());
    let stages = workflow.stages(place.next()??);
    match stages.get(place.next()??)?.get(place.next()??)? {
        Op::Activity(activity) => Some(activity),
        _ => None,
    }
}

fn issue(plan: &Plan, workflow: &WorkflowPlan, op: &Op, name: String) -> Command {
    match op {
        Op::Activity(activity) => schedule(activity, name),
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
                workflow_task_timeout: proto(TASK_TIMEOUT),
                ..Default::default()
            };
            made(
                CommandType::StartChildWorkflowExecution,
                Attributes::StartChildWorkflowExecutionCommandAttributes(attributes),
            )
        }
        Op::Signal(other) => signal(&plan.workflows[*other].id, &workflow.id, name),
        Op::Cancel(other) => request_cancel(&plan.workflows[*other].id, name),
        Op::Signals(_) => unreachable!("a workflow does nothing for a signal"),
    }
}

/// How activities and workflows are tried again.
pub(crate) fn retry_policy() -> RetryPolicy {
    RetryPolicy {
        initial_interval: proto(Duration::from_secs(1)),
        backoff_coefficient: 1.5,
        maximum_interval: proto(Duration::from_secs(10)),
        ..RetryPolicy::default()
    }
}

fn schedule(activity: &ActivityPlan, name: String) -> Command {
    let attributes = command::ScheduleActivityTaskCommandAttributes {
        activity_id: name,
        activity_type: Some(ActivityType { name: "Work".to_owned() }),
        task_queue: queue(),
        input: payloads(&"x".repeat(activity.input_bytes)).filter(|_| activity.input_bytes > 0),
        start_to_close_timeout: proto(activity.start_to_close),
        heartbeat_timeout: activity.heartbeat.and_then(proto),
        retry_policy: Some(RetryPolicy { maximum_attempts: activity.maximum_attempts, ..retry_policy() }),
        ..Default::default()
    };
    made(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

#[allow(deprecated, reason = "the only field that the initiated event repeats")]
fn signal(to: &str, from: &str, name: String) -> Command {
    let attributes = command::SignalExternalWorkflowExecutionCommandAttributes {
        execution: crate::calls::execution(to, ""),
        signal_name: WORD.to_owned(),
        input: payloads(&word(from, &name)),
        control: name,
        ..Default::default()
    };
    made(
        CommandType::SignalExternalWorkflowExecution,
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(attributes),
    )
}

#[allow(deprecated, reason = "the only field that the initiated event repeats")]
fn request_cancel(of: &str, name: String) -> Command {
    let attributes = command::RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: of.to_owned(),
        control: name,
        ..Default::default()
    };
    made(
        CommandType::RequestCancelExternalWorkflowExecution,
        Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(attributes),
    )
}

fn continue_as_new(carried: &Carried) -> Command {
    let attributes = command::ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: workflow_type(),
        task_queue: queue(),
        input: payloads(&carried.write()),
        workflow_task_timeout: proto(TASK_TIMEOUT),
        ..Default::default()
    };
    made(
        CommandType::ContinueAsNewWorkflowExecution,
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(attributes),
    )
}

fn cancel() -> Command {
    let attributes = command::CancelWorkflowExecutionCommandAttributes::default();
    made(
        CommandType::CancelWorkflowExecution,
        Attributes::CancelWorkflowExecutionCommandAttributes(attributes),
    )
}

fn fail(attempt: usize) -> Command {
    let failure = Failure {
        message: format!("attempt {attempt}"),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(Default::default())),
        ..Default::default()
    };
    let attributes = command::FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
    made(CommandType::FailWorkflowExecution, Attributes::FailWorkflowExecutionCommandAttributes(attributes))
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

/// The task queue of workflows that nobody works on.
pub(crate) fn nobodys_queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: "nobody's".to_owned(), ..Default::default() })
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

/// The text that [`payloads`] made a payload of.
pub(crate) fn text_of(payloads: &Payloads) -> String {
    let text: String =
        payloads.payloads.iter().map(|payload| String::from_utf8_lossy(&payload.data).into_owned()).collect();
    text.trim_matches('"').to_owned()
}
