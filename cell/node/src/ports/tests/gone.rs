//! Pollers that go away while a task is on its way to them.

use super::{Process, store};
use crate::test_support::{NAMESPACE, World};
use cell_engine::Run;
use cell_shard::Target;
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;

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
