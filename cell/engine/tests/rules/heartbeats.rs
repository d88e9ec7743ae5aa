//! Workflow tasks that a worker answers with nothing but the wish for one more.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::enums::v1::EventType as E;
use cell_engine::commands::*;
use cell_engine::{Rejection, Time};

const SECOND: i64 = 1_000_000_000;

/// A run whose worker may ask for one more task for 10 s, and when its first task was scheduled.
fn life() -> (Life, Time) {
    let mut life = Life::started();
    life.limits.workflow_task_heartbeats_nanos = 10 * SECOND;
    let began = life.now;
    (life, began)
}

fn marker() -> Command {
    let marker = wanted::RecordMarkerCommandAttributes { marker_name: "m".into(), ..Default::default() };
    command(CommandType::RecordMarker, Wanted::RecordMarkerCommandAttributes(marker))
}

/// The worker takes the task, and asks for one more.
fn answer(life: &mut Life, commands: Vec<Command>) -> Result<(), Rejection> {
    let task = Some(life.take_task());
    life.news();
    let answer = RespondWorkflowTaskCompleted { task, commands, force_new_task: true, ..Default::default() };
    life.ask(answer).map(drop)
}

fn over() -> Result<(), Rejection> {
    Err(Rejection::NotFound("workflow task heartbeat timeout".into()))
}

#[test]
fn they_go_on_for_so_long_from_when_the_first_was_scheduled() {
    let (mut life, began) = life();
    life.now = began.plus(4 * SECOND);
    answer(&mut life, Vec::new()).expect("it has time");
    assert_eq!(life.news(), [E::WorkflowTaskCompleted, E::WorkflowTaskScheduled]);
    life.now = began.plus(8 * SECOND);
    answer(&mut life, Vec::new()).expect("it has time");
    life.now = began.plus(10 * SECOND);
    let mut late = life.clone();
    answer(&mut life, Vec::new()).expect("its last moment");
    assert_eq!(life.news(), [E::WorkflowTaskCompleted, E::WorkflowTaskScheduled]);
    late.now = late.now.plus(1);
    assert_eq!(answer(&mut late, Vec::new()), over());
    assert_eq!(late.news(), [E::WorkflowTaskTimedOut]);
    assert_eq!(late.task().map(|(attempt, _)| attempt), Some(2), "whoever takes it begins anew");
}

#[test]
fn an_answer_with_something_in_it_begins_them_anew() {
    let (mut life, began) = life();
    life.now = began.plus(9 * SECOND);
    answer(&mut life, vec![marker()]).expect("it has time");
    life.now = began.plus(19 * SECOND);
    let mut late = life.clone();
    answer(&mut life, Vec::new()).expect("ten seconds from the last answer");
    late.now = late.now.plus(1);
    assert_eq!(answer(&mut late, Vec::new()), over());
}

#[test]
fn an_answer_with_something_in_it_is_never_too_late() {
    let (mut life, began) = life();
    life.now = began.plus(100 * SECOND);
    let mut empty = life.clone();
    answer(&mut life, vec![marker()]).expect("it has something to show");
    assert_eq!(answer(&mut empty, Vec::new()), over());
    let (mut life, began) = self::life();
    life.now = began.plus(100 * SECOND);
    let task = life.take_task();
    life.complete(task, Vec::new()).expect("it asks for nothing more");
}
