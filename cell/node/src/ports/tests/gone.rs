//! Pollers that go away while a task is on its way to them.

use super::commits::{activity, answer};
use super::{Process, queue, store};
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::common::v1::{Memo, Payload, WorkflowType};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_engine::commands::{SignalWorkflow, StartWorkflow};
use cell_engine::{Origin, Run};
use cell_memory::Owner;
use cell_shard::{ShardError, Target};
use cell_store::StoreError;
use cell_store::fault::{Call, Fault, FaultStore, Gate};
use futures::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Long before the activity's start-to-close timeout of a minute.
const SOON: Duration = Duration::from_secs(20);

async fn events(process: &Process) -> i64 {
    let last = process.core.look(&Target::current(NAMESPACE, "w"), Run::next_event_id).await;
    last.expect("it is there") - 1
}

/// The run is only in the store when the poll gets its task: while it is loaded the poller leaves.
#[tokio::test(start_paused = true)]
async fn nothing_is_started_for_a_poller_that_left_before_the_run_was_loaded() {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    process.start("w").await;
    process.close().await;

    let process = Process::open(&store, &world, 2).await;
    let gate = Gate::new();
    store.script(Call::Load, Fault::HoldBefore(gate.clone()));
    {
        let mut poll = Box::pin(process.poll());
        tokio::select! {
            biased;
            _ = &mut poll => panic!("the run is not loaded"),
            () = gate.arrived() => {}
        }
    }
    gate.open();
    process.core.tasks.close();
    process.core.tasks.wait().await;
    assert_eq!(events(&process).await, 2, "nobody started anything");
    let task = process.poll().await;
    assert_eq!((task.attempt, task.started_event_id), (1, 3));
    process.close().await;
}

/// The start is decided and waits for what is before it: whoever polls next gets the task, as a further attempt.
#[tokio::test(start_paused = true)]
async fn a_start_whose_poller_left_is_taken_back() {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    process.start("w").await;
    let gate = Gate::new();
    store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let signal = cell_engine::commands::SignalWorkflow {
        name: "s".into(),
        request_id: "s".into(),
        ..Default::default()
    };
    let target = Target::current(NAMESPACE, "w");
    let mut signaled = Box::pin(process.core.shards.execute(&target, signal));
    assert!((&mut signaled).now_or_never().is_none());
    gate.arrived().await;
    {
        let mut poll = Box::pin(process.poll());
        assert!((&mut poll).now_or_never().is_none(), "a turn for the transport to look who is there");
        assert!((&mut poll).now_or_never().is_none(), "the signal before the start is not durable");
    }
    gate.open();
    signaled.await.expect("it is open");
    let task = process.poll().await;
    assert_eq!((task.attempt, task.previous_started_event_id), (2, 0));
    process.close().await;
}

/// A process in which an activity of workflow `w` waits for a worker.
async fn with_an_activity(store: &FaultStore, world: &Arc<World>) -> Process {
    let process = Process::open(store, world, 1).await;
    process.start("w").await;
    let task = process.poll().await;
    process.complete(answer(&task, vec![activity()])).await;
    process
}

/// Whoever polls next gets the activity soon, as its first attempt.
async fn assert_next_gets_it(process: &Process) {
    let began = Instant::now();
    let task = process.poll_activity().await;
    assert_eq!((task.activity_id.as_str(), task.attempt), ("a", 1));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

fn signal(name: &str) -> SignalWorkflow {
    SignalWorkflow { name: name.into(), request_id: name.into(), ..Default::default() }
}

/// The start waits for an append that is on its way: whoever polls next gets the task, as the same attempt.
#[tokio::test(start_paused = true)]
async fn an_activity_whose_poller_left_while_its_start_was_written_goes_to_the_next() {
    let store = store();
    let process = with_an_activity(&store, &World::new()).await;
    let gate = Gate::new();
    store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let left = tokio::time::timeout(Duration::from_secs(1), process.poll_activity()).await;
    assert!(left.is_err(), "its start is not durable");
    gate.open();
    assert_next_gets_it(&process).await;
    process.close().await;
}

/// A poller waits for its start as long as the store does not keep up, and then leaves: the shard takes no commands in
/// that moment, nor for so long after it, and takes the start back once it does.
async fn goes_to_the_next_behind(refusing: Duration) {
    let (store, world) = (store(), World::new());
    let process = with_an_activity(&store, &world).await;
    let gate = Gate::new();
    store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let target = Target::current(NAMESPACE, "w");
    let mut on_its_way = Box::pin(process.core.shards.execute(&target, signal("first")));
    assert!((&mut on_its_way).now_or_never().is_none());
    gate.arrived().await;
    {
        let mut poll = Box::pin(process.poll_activity());
        assert!((&mut poll).now_or_never().is_none(), "a turn for the transport to look who is there");
        assert!((&mut poll).now_or_never().is_none(), "its start is not durable");
        world.step(8_000_000_000);
    }
    assert!(process.core.shards.execute(&target, signal("second")).await.is_err(), "it does not keep up");
    tokio::time::sleep(refusing).await;
    assert!(process.core.shards.execute(&target, signal("third")).await.is_err(), "still");
    gate.open();
    on_its_way.await.expect("it is open");
    assert_next_gets_it(&process).await;
    process.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_activity_whose_poller_left_a_shard_that_takes_no_commands_goes_to_the_next() {
    goes_to_the_next_behind(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_gives_up_taking_a_start_back_however_long_its_shard_takes_no_commands() {
    goes_to_the_next_behind(Duration::from_secs(86_400)).await;
}

/// The run is large, has left memory when its poller leaves, and may not come back at once: memory is full, and another
/// large one has just come.
#[tokio::test(start_paused = true)]
async fn nobody_gives_up_taking_a_start_back_while_there_is_no_room_for_its_run() {
    let store = store();
    let process = Process::open(&store, &World::new(), 1).await;
    for id in ["w", "other"] {
        let memo = Payload { data: vec![7; 2 << 20].into(), ..Default::default() };
        let start = StartWorkflow {
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(TaskQueue { name: if id == "w" { "queue" } else { id }.into(), ..queue() }),
            memo: Some(Memo { fields: [("memo".to_owned(), memo)].into() }),
            ..Default::default()
        };
        process.core.shards.execute(&Target::current(NAMESPACE, id), start).await.expect("it starts");
    }
    process.core.shards.checkpoint_all().await.expect("stored");
    let gate = Gate::new();
    store.script(Call::History, Fault::HoldBefore(gate.clone()));
    let mut poll = Box::pin(process.poll());
    tokio::select! {
        biased;
        _ = &mut poll => panic!("its history is not read"),
        () = gate.arrived() => {}
    }
    let (shards, memory) = (&process.core.shards, process.core.shards.memory());
    let held = memory.charge(Owner::Backlogs, memory.limit());
    for _ in 0..100 {
        shards.relieve_memory().await.expect("written");
    }
    assert_eq!(shards.resident_ids(), 0);
    let other = Target::current(NAMESPACE, "other");
    shards
        .read_for(Origin::Cell, &other, |view| assert!(view.run.is_some()))
        .await
        .expect("the first may come");
    let run = Target::current(NAMESPACE, "w");
    let refused = shards.read_for(Origin::Cell, &run, |_| ()).await;
    assert!(matches!(refused, Err(ShardError::NoMemory)), "{refused:?}");
    drop(poll);
    gate.open();
    // It is asked for, and may not come.
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(held);
    let task = process.poll().await;
    assert_eq!((task.attempt, task.previous_started_event_id), (2, 0));
    process.close().await;
}

/// The start is in the log and its shard was lost before it heard so: the next term takes the start back.
#[tokio::test(start_paused = true)]
async fn an_activity_whose_start_was_written_when_its_shard_was_lost_is_polled_again() {
    let store = store();
    let process = with_an_activity(&store, &World::new()).await;
    store.script(Call::Append, Fault::After(StoreError::Corrupt("torn".into())));
    assert_next_gets_it(&process).await;
    process.close().await;
}

/// Whoever carries the answers has no room for them: each task goes to who polls next, as if its poller had gone.
#[tokio::test(start_paused = true)]
async fn a_task_whose_answer_is_refused_goes_to_the_next() {
    let (store, world) = (store(), World::new());
    let process = with_an_activity(&store, &world).await;
    drop(process.polled_activity().await);
    assert_next_gets_it(&process).await;

    process.start("other").await;
    drop(process.polled().await);
    let task = process.poll().await;
    assert_eq!((task.attempt, task.previous_started_event_id), (2, 0));

    // What is completed stays so; the next task is for who polls.
    let with_next = wf::RespondWorkflowTaskCompletedRequest {
        return_new_workflow_task: true,
        force_create_new_workflow_task: true,
        ..answer(&task, vec![])
    };
    let refused = process.completed(with_next).await;
    assert!(refused.answer.workflow_task.is_some());
    drop(refused);
    let began = Instant::now();
    let task = process.poll().await;
    assert!(task.previous_started_event_id > 0, "the answer stands");
    assert_eq!(task.workflow_execution.expect("whose it is").workflow_id, "other");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    process.close().await;
}
