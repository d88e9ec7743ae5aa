//! How a run is stored: a small one whole, large attributes once, and never rows that do not belong together.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, Memo, Payload, Payloads, WorkflowType};
use atoll_api::temporal::api::enums::v1::{CommandType, ParentClosePolicy};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::Chunk;
use cell_engine::commands::{
    ActivityRef, RecordActivityHeartbeat, RecordActivityStarted, RecordChildStarted,
    ReleaseFirstWorkflowTask, RespondActivityCompleted, RespondWorkflowTaskFailed, SignalWorkflow,
};
use cell_engine::{EntityCheckpoint, RestoreError, Run};
use uuid::Uuid;

const LARGE: usize = 100_000;

fn bulk(bytes: usize) -> Payload {
    Payload { data: vec![7; bytes].into(), ..Default::default() }
}

fn activity(id: &str, bytes: usize) -> Command {
    let scheduled = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: id.into(),
        activity_type: Some(ActivityType { name: "work".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        input: Some(Payloads { payloads: vec![bulk(bytes)] }),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Wanted::ScheduleActivityTaskCommandAttributes(scheduled))
}

fn memo(bytes: usize) -> Command {
    let fields = [("m".to_owned(), bulk(bytes))].into_iter().collect();
    let modify = wanted::ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(Memo { fields }) };
    command(CommandType::ModifyWorkflowProperties, Wanted::ModifyWorkflowPropertiesCommandAttributes(modify))
}

/// Starts the activity that was scheduled with this event.
fn begin(life: &mut Life, scheduled_event_id: i64) -> ActivityRef {
    let start = RecordActivityStarted { scheduled_event_id, ..Default::default() };
    let started = life.ask(start).expect("it waits");
    ActivityRef::Token { scheduled_event_id, attempt: started.attempt, nonce: started.nonce }
}

fn child(id: &str) -> Command {
    let start = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: id.into(),
        workflow_type: Some(WorkflowType { name: "child".into() }),
        parent_close_policy: ParentClosePolicy::Terminate as i32,
        ..Default::default()
    };
    let attributes = Wanted::StartChildWorkflowExecutionCommandAttributes(start);
    command(CommandType::StartChildWorkflowExecution, attributes)
}

fn bytes(written: &EntityCheckpoint) -> usize {
    written.base.len() + written.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>()
}

#[test]
fn a_small_run_is_one_row_all_its_life() {
    let mut life = Life::started();
    assert!(life.checkpoint().chunks.is_empty());
    life.run_task(vec![activity("a", 10)]);
    let written = life.checkpoint();
    assert!(written.chunks.is_empty());
    assert_eq!(written.base, life.run().snapshot());
}

#[test]
fn large_attributes_are_written_once_and_removed_with_their_item() {
    let mut life = Life::started();
    life.run_task(vec![activity("a", LARGE), memo(LARGE)]);
    assert!(bytes(&life.checkpoint()) > 2 * LARGE);
    let activity = begin(&mut life, 5);
    assert!(bytes(&life.checkpoint()) < 1_000, "a start");
    life.ask(RecordActivityHeartbeat { activity: activity.clone(), details: None }).expect("it runs");
    assert!(bytes(&life.checkpoint()) < 1_000, "a heartbeat");
    life.ask(RespondActivityCompleted { activity, result: None, identity: String::new() }).expect("it runs");
    let written = life.checkpoint();
    assert!(bytes(&written) < 1_000, "a completion");
    assert_eq!(
        written.chunks.iter().filter(|chunk| chunk.data.is_empty()).count(),
        2,
        "the item, its attributes"
    );
    life.run_task(vec![memo(1)]);
    let written = life.checkpoint();
    assert!(written.base == life.run().snapshot(), "small again: whole");
    assert!(!written.chunks.is_empty() && written.chunks.iter().all(|chunk| chunk.data.is_empty()));
    assert!(life.checkpoint().chunks.is_empty());
}

#[test]
fn events_that_wait_are_written_when_they_come_and_removed_when_they_are_flushed() {
    let mut life = Life::started();
    life.run_task(vec![activity("a", LARGE), activity("b", 10)]);
    life.signal();
    let task = life.take_task();
    life.checkpoint();
    let mut total = 0;
    for n in 0..20 {
        let input = Some(Payloads { payloads: vec![bulk(LARGE / 10)] });
        life.ask(SignalWorkflow { name: n.to_string(), input, ..Default::default() }).expect("it is open");
        let written = bytes(&life.checkpoint());
        total += written;
        assert!((10_000..90_000).contains(&written), "{written} bytes with the event {n}");
    }
    assert!(total < 1_000_000, "{total} bytes for 200,000 of events");
    begin(&mut life, 6);
    assert!(bytes(&life.checkpoint()) < 1_000, "a step that leaves them waiting");
    life.complete(task, Vec::new()).expect("nothing is asked");
    let written = life.checkpoint();
    assert!(bytes(&written) < 1_000, "they are history now");
    let gone = written.chunks.iter().filter(|chunk| chunk.data.is_empty()).count();
    assert_eq!(gone, 3, "eight events share a chunk");
}

#[test]
fn the_closing_event_is_written_once() {
    let mut life = Life::child();
    life.ask(ReleaseFirstWorkflowTask).expect("released");
    life.run_task(vec![child("a"), child("b"), activity("a", LARGE)]);
    life.checkpoint();
    let result = Some(Payloads { payloads: vec![bulk(LARGE)] });
    let completed = wanted::CompleteWorkflowExecutionCommandAttributes { result };
    life.signal();
    life.run_task(vec![command(
        CommandType::CompleteWorkflowExecution,
        Wanted::CompleteWorkflowExecutionCommandAttributes(completed),
    )]);
    assert!(life.run().closed());
    let written = bytes(&life.checkpoint());
    assert!((LARGE..LARGE + 2_000).contains(&written), "{written} bytes");
    for initiated_event_id in [5, 6] {
        life.ask(RecordChildStarted { initiated_event_id, run_id: Uuid::from_u128(7) }).expect("it waits");
        let written = bytes(&life.checkpoint());
        assert!(written < 1_000, "{written} bytes for a child that is to be told");
    }
}

#[test]
fn a_large_run_that_closes_between_two_checkpoints_is_one_row() {
    let mut life = Life::started();
    life.run_task(vec![
        memo(LARGE),
        command(CommandType::CompleteWorkflowExecution, {
            Wanted::CompleteWorkflowExecutionCommandAttributes(Default::default())
        }),
    ]);
    assert!(life.run().closed());
    assert!(life.checkpoint().chunks.is_empty());
}

#[test]
fn chunks_that_are_not_those_of_the_base_are_refused() {
    let mut life = Life::started();
    life.run_task(vec![activity("a", LARGE), activity("b", LARGE)]);
    let written = life.checkpoint();
    let restore = |base: &bytes::Bytes, chunks: &[Chunk]| {
        Run::restore(life.run().key().clone(), base.clone(), chunks).map(|run| run.snapshot())
    };
    let chunks = &written.chunks;
    assert!(restore(&written.base, chunks) == Ok(life.run().snapshot()));
    for at in 0..chunks.len() {
        let mut lost = chunks.clone();
        lost.remove(at);
        assert!(matches!(restore(&written.base, &lost), Err(RestoreError::Chunks { .. })), "lost: {at}");
        let mut damaged = chunks.clone();
        let mut data = damaged[at].data.to_vec();
        *data.last_mut().expect("not empty") ^= 1;
        damaged[at].data = data.into();
        assert!(
            matches!(restore(&written.base, &damaged), Err(RestoreError::Chunks { .. })),
            "damaged: {at}"
        );
    }
    let stray = restore(&Life::started().run().snapshot(), chunks);
    assert!(matches!(stray, Err(RestoreError::Chunks { wanted: 0, .. })), "chunks beside a whole snapshot");
    begin(&mut life, 5);
    let newer = life.checkpoint();
    let restored = Run::restore(life.run().key().clone(), newer.base, chunks);
    assert!(matches!(restored, Err(RestoreError::Chunks { .. })), "older chunks under a newer base");
}

#[test]
fn a_reset_keeps_the_task_that_its_events_tell_of_and_no_other() {
    let mut life = Life::started();
    let told = |life: &Life| {
        let run = Run::restore(life.run().key().clone(), life.run().event_state(), &[]).expect("restores");
        (run.workflow_task().waiting().is_some(), run.workflow_task().started().is_some())
    };
    assert_eq!(told(&life), (true, false));
    let task = life.take_task();
    assert_eq!(told(&life), (false, true));
    let failed = RespondWorkflowTaskFailed {
        task,
        cause: 0,
        failure: None,
        identity: String::new(),
        worker_version: None,
    };
    life.ask(failed).expect("it is started");
    assert_eq!(told(&life), (false, false), "a further attempt is in no history");
    life.take_task();
    assert_eq!(told(&life), (false, false), "nor is its start");
}
