//! How a run is stored: a small one whole, large attributes once, and never rows that do not belong together.

use crate::life::{Life, command};
use crate::values::{header, payloads, search_attributes};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::common::v1::{ActivityType, Memo, Payload, Payloads, WorkflowType};
use atoll_api::temporal::api::enums::v1::{CommandType, ParentClosePolicy};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::{Chunk, ChunkId, EntityKind};
use atoll_internal_api::state::v1::{Activity, Child, ExternalSignal, RunSnapshot, Sticky, Timer};
use bytes::Bytes;
use cell_engine::commands::{
    ActivityRef, BackOffMessage, RecordActivityHeartbeat, RecordActivityStarted, RecordChildStarted,
    ReleaseFirstWorkflowTask, RequestCancelWorkflow, RespondActivityCompleted, RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed, SignalWorkflow, TerminateWorkflow,
};
use cell_engine::{EffectKey, EntityCheckpoint, PendingKind, Registry, RestoreError, Run};
use prost::Message;
use std::collections::BTreeMap;
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

/// Room is made by it before anything of a run is decoded.
#[test]
fn a_base_says_what_its_run_takes_of_memory() {
    let kinds = Registry::default();
    let kind = kinds.get(EntityKind::WORKFLOW_RUN).expect("it is registered");
    for (bytes, is_chunked) in [(10, false), (LARGE, true)] {
        let mut life = Life::started();
        life.run_task(vec![activity("a", bytes)]);
        let written = life.checkpoint();
        assert_eq!(!written.chunks.is_empty(), is_chunked);
        let held = life.run().held_bytes();
        assert!(held > 0);
        assert_eq!(kind.weight(&life.run().snapshot()), held);
        assert_eq!(kind.weight(&written.base), held);
    }
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

/// Rows of one run.
#[derive(Default)]
struct Disk {
    base: Bytes,
    chunks: BTreeMap<ChunkId, Bytes>,
}

impl Disk {
    /// Writes a checkpoint of the run.
    fn store(&mut self, life: &mut Life) {
        let written = life.checkpoint();
        self.base = written.base;
        for Chunk { id, data } in written.chunks {
            if data.is_empty() {
                self.chunks.remove(&id);
            } else {
                self.chunks.insert(id, data);
            }
        }
    }

    /// The run that stands there, which is the one in memory.
    fn load(&self, life: &Life) -> Run {
        let chunks = self.chunks.iter().map(|(id, data)| Chunk { id: *id, data: data.clone() });
        let chunks: Vec<Chunk> = chunks.collect();
        let run = Run::restore(life.run().key().clone(), self.base.clone(), &chunks).expect("it restores");
        assert_eq!(stored(&run), stored(life.run()));
        assert_eq!((run.wake(), run.held_bytes()), (life.run().wake(), life.run().held_bytes()));
        assert!(run.effects().eq(life.run().effects()));
        run
    }

    /// The process is another one.
    fn pass_on(&mut self, life: &mut Life) {
        self.store(life);
        let run = self.load(life);
        life.reload(run);
    }

    fn parts(&self) -> Vec<u8> {
        self.chunks.keys().map(|id| id.collection).collect()
    }
}

fn stored(run: &Run) -> RunSnapshot {
    RunSnapshot::decode(run.snapshot()).expect("a snapshot")
}

fn timer(id: &str, seconds: i64) -> Command {
    let start_to_fire_timeout = Some(prost_types::Duration { seconds, nanos: 0 });
    let timer = wanted::StartTimerCommandAttributes { timer_id: id.into(), start_to_fire_timeout };
    command(CommandType::StartTimer, Wanted::StartTimerCommandAttributes(timer))
}

fn large_child(id: &str) -> Command {
    let start = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: id.into(),
        workflow_type: Some(WorkflowType { name: "child".into() }),
        input: Some(Payloads { payloads: vec![bulk(LARGE)] }),
        header: header(),
        ..Default::default()
    };
    let attributes = Wanted::StartChildWorkflowExecutionCommandAttributes(start);
    command(CommandType::StartChildWorkflowExecution, attributes)
}

fn external(id: &str) -> [Command; 2] {
    let signal = wanted::SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: id.into(), run_id: String::new() }),
        signal_name: "s".into(),
        input: payloads("input"),
        ..Default::default()
    };
    let cancel = wanted::RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: id.into(),
        ..Default::default()
    };
    [
        command(
            CommandType::SignalExternalWorkflowExecution,
            Wanted::SignalExternalWorkflowExecutionCommandAttributes(signal),
        ),
        command(
            CommandType::RequestCancelExternalWorkflowExecution,
            Wanted::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel),
        ),
    ]
}

/// Whichever part changes between two of them.
#[test]
fn a_large_run_goes_on_in_one_process_after_the_other() {
    let mut life = Life::started_with(|start| start.search_attributes = search_attributes());
    let mut disk = Disk::default();
    disk.pass_on(&mut life);
    assert_eq!(disk.parts(), [], "it is small");
    let wanted = vec![activity("a", LARGE), activity("b", 10), timer("t", 600), large_child("c")];
    let answer = RespondWorkflowTaskCompleted {
        task: Some(life.take_task()),
        commands: [wanted, external("o").to_vec()].concat(),
        sticky: Some(("own".into(), 5_000_000_000)),
        namespace: "default".into(),
        ..Default::default()
    };
    life.ask(answer).expect("a good answer");
    disk.pass_on(&mut life);
    // The first event and the fields; each collection; the input of the activity, and the child's.
    assert_eq!(disk.parts(), [1, 2, 16, 17, 18, 19, 20, 0x90, 0x92]);
    assert!(disk.chunks.iter().filter(|(id, _)| id.collection < 0x80).all(|(_, data)| data.len() < 2_000));
    for request in 0..130 {
        let request_id = format!("{request:03}");
        life.ask(SignalWorkflow { name: "s".into(), request_id, ..Default::default() }).expect("it is open");
    }
    disk.pass_on(&mut life);
    assert_eq!(life.run().workflow_task().waiting().map(|task| task.sticky_queue.as_str()), Some("own"));
    assert_eq!(disk.parts().iter().filter(|part| **part == 3).count(), 2, "a bucket of request ids is full");
    let task = life.take_task();
    begin(&mut life, 5);
    disk.pass_on(&mut life);
    life.ask(RecordActivityHeartbeat { activity: ActivityRef::Id("a".into()), details: payloads("half") })
        .expect("it is found by its id");
    life.ask(BackOffMessage(EffectKey::Pending(PendingKind::Child, 8))).expect("it is wanted");
    life.signal();
    disk.pass_on(&mut life);
    let same = SignalWorkflow { name: "s".into(), request_id: "129".into(), ..Default::default() };
    let length = life.run().held_bytes();
    life.ask(same).expect("taken before");
    assert_eq!(life.run().held_bytes(), length);
    life.complete(task, vec![memo(10), timer("u", 700)]).expect("a good answer");
    disk.pass_on(&mut life);
    life.ask(TerminateWorkflow::default()).expect("it is open");
    disk.pass_on(&mut life);
}

#[test]
fn a_run_that_is_large_by_itself_goes_into_the_chunks_that_it_needs() {
    let mut life = Life::started();
    life.run_task(vec![memo(LARGE)]);
    let mut disk = Disk::default();
    disk.store(&mut life);
    assert_eq!(disk.parts(), [1, 2], "the first event, the fields");
    let mut life = Life::started();
    life.run_task(vec![activity("a", LARGE)]);
    let mut disk = Disk::default();
    disk.store(&mut life);
    assert_eq!(disk.parts(), [1, 16, 0x90], "and no fields where there are none");
}

#[test]
fn a_closed_run_goes_into_chunks_where_children_are_to_be_told() {
    let mut life = Life::started();
    life.run_task(vec![large_child("c")]);
    life.ask(RecordChildStarted { initiated_event_id: 5, run_id: Uuid::from_u128(7) }).expect("it waits");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let mut disk = Disk::default();
    disk.pass_on(&mut life);
    assert_eq!(disk.parts(), [1, 18, 0x92]);
}

#[test]
fn a_snapshot_holds_what_waits_and_whose_queue_is_in_force() {
    let mut life = Life::started();
    let answer = RespondWorkflowTaskCompleted {
        task: Some(life.take_task()),
        sticky: Some(("own".into(), 5)),
        ..Default::default()
    };
    life.ask(answer).expect("a good answer");
    let sticky = Sticky { task_queue: "own".into(), schedule_to_start_timeout_ns: 5 };
    assert_eq!(stored(life.run()).sticky, Some(sticky));
    life.signal();
    life.take_task();
    life.signal();
    life.signal();
    assert_eq!(stored(life.run()).buffered_events.len(), 2);
    let again = Run::restore(life.run().key().clone(), life.run().snapshot(), &[]).expect("it restores");
    assert_eq!(stored(&again), stored(life.run()));
}

fn told(life: &Life) -> RunSnapshot {
    RunSnapshot::decode(life.run().event_state()).expect("a snapshot")
}

/// What began each stays; who works on it, what was said of it since, and what waits are in no event.
#[test]
fn a_reset_knows_of_what_is_pending_what_its_events_tell() {
    let mut life = Life::started();
    let begun = life.now.0;
    let [signal, _] = external("o");
    life.run_task(vec![activity("a", 10), timer("t", 1), child("c"), child("d"), signal]);
    let fresh = told(&life);
    let token = begin(&mut life, 5);
    life.ask(RecordActivityHeartbeat { activity: token.clone(), details: payloads("half") })
        .expect("it runs");
    life.ask(RecordChildStarted { initiated_event_id: 7, run_id: Uuid::from_u128(7) }).expect("it waits");
    let cancel = wanted::RequestCancelActivityTaskCommandAttributes { scheduled_event_id: 5 };
    let cancel = Wanted::RequestCancelActivityTaskCommandAttributes(cancel);
    life.run_task(vec![command(CommandType::RequestCancelActivityTask, cancel)]);
    life.signal();
    life.take_task();
    life.ask(RecordChildStarted { initiated_event_id: 8, run_id: Uuid::from_u128(8) }).expect("it waits");
    life.ask(RespondActivityCompleted { activity: token, result: None, identity: String::new() })
        .expect("it runs");
    life.wake();
    assert!(stored(life.run()).timers[0].fired, "which waits as well");
    for key in [(PendingKind::Child, 7), (PendingKind::ExternalSignal, 9)] {
        life.ask(BackOffMessage(EffectKey::Pending(key.0, key.1))).expect("it is wanted");
    }
    let told = told(&life);
    let scheduled = fresh.activities[0].scheduled.clone();
    assert!(scheduled.is_some());
    let expected = Activity {
        scheduled_event_id: 5,
        scheduled,
        first_scheduled_at_ns: begun,
        cancel_requested_event_id: 14,
        ..Default::default()
    };
    assert_eq!(told.activities, [expected]);
    let fires_at_ns = begun + 1_000_000_000;
    assert_eq!(told.timers, [Timer { started_event_id: 6, timer_id: "t".into(), fires_at_ns, fired: false }]);
    let expected = [
        Child {
            started_event_id: 10,
            first_run_id: Bytes::copy_from_slice(Uuid::from_u128(7).as_bytes()),
            ..fresh.children[0].clone()
        },
        fresh.children[1].clone(),
    ];
    assert_eq!(told.children, expected, "the start of the second one waits");
    let expected =
        ExternalSignal { attempt: 0, retry_at_ns: 0, closing: false, ..fresh.external_signals[0].clone() };
    assert_eq!(told.external_signals, [expected]);
    assert_eq!((told.buffered_events.len(), told.request_ids.len()), (0, 0));
}

#[test]
fn a_reset_knows_of_a_cancel_request_once_it_is_written() {
    let asked = |life: &Life| told(life).info.expect("one").cancel_requested;
    let mut life = Life::started();
    let task = life.take_task();
    life.signal();
    assert!(!asked(&life), "nobody has asked");
    life.ask(RequestCancelWorkflow::default()).expect("it is open");
    assert!(!asked(&life), "it waits");
    life.complete(task, Vec::new()).expect("a good answer");
    assert!(asked(&life));
    life.take_task();
    life.signal();
    assert!(asked(&life), "what waits is something else");
}
