//! What lists and descriptions know of a run.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::enums::v1::{CommandType, WorkflowExecutionStatus as Status};
use cell_engine::commands::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn lists_know_how_long_a_history_is_and_when_it_began_and_ended() {
    let mut life = Life::started();
    let begun = life.now;
    life.signal();
    let facts = life.run().visibility();
    assert_eq!(facts.history_length, life.last().event_id);
    assert_eq!((facts.start_time, facts.execution_time, facts.close_time), (begun, begun, None));
    assert_eq!((facts.status, facts.parent), (Status::Running, None));
    assert_eq!(facts.root.run_id, life.run().run_id().to_string(), "it is its own root");
    life.now = begun.plus(5 * SECOND);
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let facts = life.run().visibility();
    assert_eq!(facts.history_length, life.last().event_id);
    assert_eq!((facts.start_time, facts.close_time), (begun, Some(life.now)));
    assert_eq!(facts.status, Status::Terminated);
}

#[test]
fn lists_know_when_a_run_that_waits_for_its_turn_begins() {
    let mut life = Life::started();
    life.run_task(vec![command(
        CommandType::ContinueAsNewWorkflowExecution,
        Wanted::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default()),
    )]);
    let facts = life.run().visibility();
    assert_eq!(facts.start_time, life.now);
    assert_eq!(facts.execution_time.0, life.now.0 + life.limits.continue_as_new_interval_nanos);
}

#[test]
fn lists_know_the_parent_and_the_root_of_a_child() {
    let life = Life::child();
    let facts = life.run().visibility();
    let link = life.parent_link();
    assert_eq!((facts.parent, facts.root), (Some(link.execution), link.root));
}

#[test]
fn a_description_says_when_a_run_expires() {
    for timeout in [None, Some(60)] {
        let life = Life::started_with(|start| {
            start.run_timeout = timeout.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        });
        let expires = timeout.map(|seconds| life.now.plus(seconds * SECOND).to_proto());
        assert_eq!(life.run().describe().extended.run_expiration_time, expires);
    }
}

#[test]
fn lists_know_how_many_steps_a_run_has_taken() {
    let mut life = Life::started();
    let steps = |life: &Life| life.run().visibility().state_transition_count;
    let begun = steps(&life);
    assert!(begun > 0);
    life.signal();
    life.take_task();
    assert_eq!(steps(&life), begun + 2);
}

#[test]
fn a_run_can_be_reset_to_its_first_answer() {
    let mut life = Life::started();
    let points =
        |life: &Life| life.run().describe().info.auto_reset_points.map_or(Vec::new(), |all| all.points);
    assert!(points(&life).is_empty() && !life.run().has_completed_task());
    life.run_task(Vec::new());
    let (answered, at) = (life.last().event_id, life.now.to_proto());
    assert!(life.run().has_completed_task());
    life.now = life.now.plus(5 * SECOND);
    life.signal();
    life.run_task(Vec::new());
    let points: Vec<_> = points(&life)
        .into_iter()
        .map(|point| (point.first_workflow_task_completed_id, point.create_time))
        .collect();
    assert_eq!(points, [(answered, Some(at))]);
}
