//! Commands that cannot be carried out: answers and events are the original's, word for word.

use crate::{bad_values, load};
use atoll_api::temporal::api::command::v1::command::Attributes as W;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType as C;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKind;
use cell_engine::commands::*;
use cell_engine::{
    Command as _, Context, CurrentRun, Entity as _, IdSource, Limits, NamespaceConfig, Rejection, Run, Time,
    View,
};
use prost_types::Duration;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) fn of(kind: C, attributes: W) -> Command {
    Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

pub(crate) fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

pub(crate) fn timer(id: &str) -> Command {
    let timer =
        wanted::StartTimerCommandAttributes { timer_id: id.into(), start_to_fire_timeout: seconds(60) };
    of(C::StartTimer, W::StartTimerCommandAttributes(timer))
}

fn activity() -> wanted::ScheduleActivityTaskCommandAttributes {
    wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: "1".into(),
        activity_type: Some(ActivityType { name: "Scripted".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    }
}

fn schedule(activity: wanted::ScheduleActivityTaskCommandAttributes) -> Command {
    of(C::ScheduleActivityTask, W::ScheduleActivityTaskCommandAttributes(activity))
}

/// The commands of `tests/python/probes/tasks.py`, by the names that they have in `probe.json`.
fn answers() -> Vec<(&'static str, Vec<Command>)> {
    let bounded = || {
        schedule(wanted::ScheduleActivityTaskCommandAttributes {
            start_to_close_timeout: seconds(1),
            ..activity()
        })
    };
    let untyped =
        wanted::ScheduleActivityTaskCommandAttributes { activity_id: "1".into(), ..Default::default() };
    let cancel_timer = wanted::CancelTimerCommandAttributes { timer_id: "none".into() };
    let cancel_activity = wanted::RequestCancelActivityTaskCommandAttributes { scheduled_event_id: 99 };
    let child = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "c".into(),
        ..Default::default()
    };
    let complete =
        of(C::CompleteWorkflowExecution, W::CompleteWorkflowExecutionCommandAttributes(Default::default()));
    let fail = of(C::FailWorkflowExecution, W::FailWorkflowExecutionCommandAttributes(Default::default()));
    let no_attributes = Command { command_type: C::StartTimer as i32, ..Default::default() };
    vec![
        ("timer_without_id", vec![timer("")]),
        ("timer_twice", vec![timer("1"), timer("1")]),
        ("cancel_unknown_timer", vec![of(C::CancelTimer, W::CancelTimerCommandAttributes(cancel_timer))]),
        ("activity_without_type", vec![schedule(untyped)]),
        ("activity_without_timeout", vec![schedule(activity())]),
        ("activity_twice", vec![bounded(), bounded()]),
        (
            "cancel_unknown_activity",
            vec![of(
                C::RequestCancelActivityTask,
                W::RequestCancelActivityTaskCommandAttributes(cancel_activity),
            )],
        ),
        (
            "marker_without_name",
            vec![of(C::RecordMarker, W::RecordMarkerCommandAttributes(Default::default()))],
        ),
        (
            "child_without_type",
            vec![of(C::StartChildWorkflowExecution, W::StartChildWorkflowExecutionCommandAttributes(child))],
        ),
        ("fail_without_failure", vec![fail]),
        ("complete_not_last", vec![complete, timer("1")]),
        ("no_attributes", vec![no_attributes]),
        ("no_type", vec![Command::default()]),
    ]
}

#[test]
fn commands_that_are_not_built_fail_the_task_and_are_named() {
    use atoll_api::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;
    let cron = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "c".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        cron_schedule: "* * * * *".into(),
        ..Default::default()
    };
    let continued = wanted::ContinueAsNewWorkflowExecutionCommandAttributes {
        cron_schedule: "* * * * *".into(),
        ..Default::default()
    };
    let continued = W::ContinueAsNewWorkflowExecutionCommandAttributes(continued);
    for (command, message) in [
        (
            of(C::ContinueAsNewWorkflowExecution, continued),
            "cron_schedule of a continue-as-new is not supported",
        ),
        (
            Command { command_type: C::ScheduleNexusOperation as i32, ..Default::default() },
            "command ScheduleNexusOperation is not supported",
        ),
        (
            of(C::StartChildWorkflowExecution, W::StartChildWorkflowExecutionCommandAttributes(cron)),
            "cron_schedule of a child is not supported",
        ),
    ] {
        let (refused, news) = answer(vec![timer("1"), command]);
        assert_eq!(refused, Err(Rejection::Unimplemented(message.to_owned())));
        let Some(A::WorkflowTaskFailedEventAttributes(failed)) = &news[0].attributes else {
            panic!("{message}: {news:?}")
        };
        assert_eq!(failed.cause(), Cause::FeatureDisabled);
        assert_eq!(failed.failure.as_ref().map(|failure| failure.message.as_str()), Some(message));
        assert_eq!(news.len(), 1, "a transient task follows: {news:?}");
    }
}

/// The first event of a workflow that is started so.
pub(crate) fn started(start: StartWorkflow) -> HistoryEvent {
    let namespace = NamespaceConfig { id: Uuid::from_u128(1), name: "default".into(), retention_nanos: 1 };
    let (limits, workflow_id): (_, Arc<str>) = (Limits::default(), "w".into());
    let view = View { namespace_id: namespace.id, workflow_id: &workflow_id, current: None, run: None };
    let mut ids = IdSource::new(1);
    let mut context =
        Context { now: Time(1_000_000_000), ids: &mut ids, limits: &limits, namespace: &namespace };
    let decision = start.decide(view, &mut context);
    let events = decision.transitions.iter().flat_map(|transition| &transition.events);
    events.map(|new| new.event.clone()).next().expect("it starts")
}

/// A workflow that answers its first task with these commands: what becomes of it, and the events since the task
/// started.
pub(crate) fn answer(
    commands: Vec<Command>,
) -> (Result<CompletedWorkflowTask, Rejection>, Vec<HistoryEvent>) {
    let namespace = NamespaceConfig { id: Uuid::from_u128(1), name: "default".into(), retention_nanos: 1 };
    let (limits, workflow_id): (_, Arc<str>) = (Limits::default(), "w".into());
    let mut ids = IdSource::new(1);
    let (mut run, mut current): (Option<Run>, Option<CurrentRun>) = (None, None);
    let mut news = Vec::new();
    macro_rules! ask {
        ($command:expr) => {{
            let view = View {
                namespace_id: namespace.id,
                workflow_id: &workflow_id,
                current: current.as_ref(),
                run: run.as_ref(),
            };
            let mut context =
                Context { now: Time(1_000_000_000), ids: &mut ids, limits: &limits, namespace: &namespace };
            let decision = $command.decide(view, &mut context);
            news.clear();
            for transition in &decision.transitions {
                let key = transition.entity.clone();
                if key.kind == EntityKind::CURRENT_RUN {
                    current.get_or_insert_with(|| CurrentRun::new(key)).apply(transition);
                } else {
                    run.get_or_insert_with(|| Run::new(key)).apply(transition);
                    news.extend(transition.events.iter().map(|new| new.event.clone()));
                }
            }
            decision.answer
        }};
    }
    let start = StartWorkflow {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    };
    ask!(start).expect("a first start");
    let poll = RecordWorkflowTaskStarted { scheduled_event_id: 2, stamp: 1, ..Default::default() };
    let started = ask!(poll).expect("it waits");
    let outcome = ask!(RespondWorkflowTaskCompleted {
        task: Some(WorkflowTaskRef {
            scheduled_event_id: started.scheduled_event_id,
            attempt: started.attempt,
            nonce: started.nonce,
        }),
        commands,
        namespace: "default".into(),
        ..Default::default()
    });
    (outcome, news)
}

#[test]
fn bad_commands_are_answered_in_the_words_of_the_original() {
    let probe = load::json("probe.json");
    let measured = probe["tasks"].as_object().expect("by name");
    let answers: Vec<_> =
        answers().into_iter().chain(bad_values::names()).chain(bad_values::measures()).collect();
    let names = measured.keys().filter_map(|name| name.strip_prefix("bad_command."));
    let unasked: Vec<&str> = names.filter(|name| answers.iter().all(|(asked, _)| asked != name)).collect();
    assert!(unasked.is_empty(), "measured and not asked here: {unasked:?}");
    for (name, commands) in answers {
        let original = &measured[&format!("bad_command.{name}")];
        let message = original["error"]["message"].as_str().expect("a message").to_owned();
        let (refused, news) = answer(commands);
        assert_eq!(refused, Err(Rejection::InvalidArgument(message)), "{name}");
        let events = original["events_after_start"].as_array().expect("a list");
        let failed = events.iter().map(load::event).next().and_then(|event| event.attributes);
        match (failed, news.first().and_then(|event| event.attributes.clone())) {
            (None, None) => {}
            (
                Some(A::WorkflowTaskFailedEventAttributes(theirs)),
                Some(A::WorkflowTaskFailedEventAttributes(ours)),
            ) => assert_eq!(ours, theirs, "{name}"),
            (theirs, ours) => panic!("{name}: {ours:?} instead of {theirs:?}"),
        }
    }
}
