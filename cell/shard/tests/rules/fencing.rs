//! Who was superseded drops what it has, for ever; its other shards go on.

use crate::fixture::*;
use bytes::Bytes;
use cell_engine::commands::{RecordChildClosed, RequestCancelWorkflow};
use cell_shard::{Awaited, ShardError};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{Append, AppendOutcome, LogRow, ShardId, ShardStore, StoreError};
use futures::FutureExt;
use std::sync::Arc;
use uuid::Uuid;

/// Another owner takes one shard: epoch, then the ownership record.
async fn take(store: &Arc<dyn ShardStore>, ledger: &Ledger, shard: ShardId) {
    let found = store.acquire(&[shard]).await.unwrap().remove(0);
    let data = ledger.rows(shard)[0].data.clone();
    let batch_id = Uuid::from_u128(77);
    let row = LogRow { seq: found.last_seq + 1, epoch: found.epoch, batch_id, data, ownership: true };
    let outcome = store.append(&[Append { shard, rows: vec![row], segments: Vec::new() }]).await.unwrap();
    assert_eq!(outcome, [AppendOutcome::Accepted]);
}

/// What stands in its log is of earlier lives: nobody has taken it from this one.
#[tokio::test(start_paused = true)]
async fn a_shard_that_was_not_to_be_had_at_the_start_is_taken_all_the_same() {
    let first = Cell::new().await;
    let id = id_on(0, 0);
    first.run(&id, start()).await.unwrap();
    let cell = first
        .another_with(|store| {
            // All together; then the first by itself, and the others can be had.
            store.script(Call::Acquire, Fault::Before(StoreError::Corrupt("a page".into())));
            store.script(Call::Acquire, Fault::Before(StoreError::Unavailable("away".into())));
        })
        .await
        .unwrap();
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(cell.history(&id, 1, i64::MAX).await.len(), 2);
}

/// It failed by itself before it could hear of the other owner.
#[tokio::test(start_paused = true)]
async fn a_shard_that_failed_is_not_taken_back_from_who_took_it() {
    let cell = Cell::new().await;
    let (a, b) = (id_on(0, 0), id_on(1, 0));
    for id in [&a, &b] {
        cell.run(id, start()).await.unwrap();
    }
    take(&cell.store.stores().shards, &cell.ledger, ShardId(0)).await;
    for id in [&a, &b] {
        cell.store.script(Call::Append, Fault::Before(StoreError::Corrupt("a page".into())));
        let lost = cell.run(id, signal("lost")).await;
        assert!(matches!(lost, Err(ShardError::NotOwner(_))), "{lost:?}");
    }
    // The first look fails.
    cell.store.script(Call::Log, Fault::Before(StoreError::Unavailable("away".into())));
    tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    assert_eq!(cell.runtime.problems(), ["shard 0 is not served: another owner took it"]);
    cell.run(&b, signal("s")).await.expect("nobody took that one");
    cell.acquire(&[ShardId(0)]).await;
    assert_eq!(cell.history(&a, 1, i64::MAX).await.len(), 2, "whoever is told to take it does");
}

/// Its own record stands in the log, and the store said that it does not.
#[tokio::test(start_paused = true)]
async fn a_claim_that_its_owner_has_not_heard_of_is_not_taken_for_another_owners() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    for fault in [Fault::Before, Fault::After] {
        cell.store.script(Call::Append, fault(StoreError::Corrupt("a page".into())));
    }
    let lost = cell.run(&id, signal("lost")).await;
    assert!(matches!(lost, Err(ShardError::NotOwner(_))), "{lost:?}");
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    assert_eq!(cell.ledger.rows(ShardId(0)).iter().filter(|row| row.ownership).count(), 2);
    tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    cell.run(&id, signal("s")).await.expect("nobody else has it");
}

#[tokio::test(start_paused = true)]
async fn a_superseded_shard_fails_its_waiters_and_its_neighbours_go_on() {
    let cell = Cell::new().await;
    let (a, b) = (id_on(0, 0), id_on(1, 0));
    for id in [&a, &b] {
        cell.run(id, start()).await.unwrap();
    }
    let mut watch =
        cell.runtime.watch(&current(&a), Awaited::Change, |_| true).await.unwrap().expect("waits");
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut running = [cell.begin_run(&a, signal("held")), cell.begin_run(&b, signal("held"))];
    assert!(running.iter_mut().all(|running| running.now_or_never().is_none()));
    gate.arrived().await;
    let mut more = [cell.begin_run(&a, signal("open")), cell.begin_run(&b, signal("open"))];
    assert!(more.iter_mut().all(|running| running.now_or_never().is_none()));
    take(&cell.store.stores().shards, &cell.ledger, ShardId(0)).await;
    assert_eq!(cell.runtime.problems(), Vec::<String>::new());
    gate.release();

    let [a1, b1] = running;
    let [a2, b2] = more;
    for lost in [a1.await, a2.await] {
        assert!(matches!(lost, Err(ShardError::NotOwner(ShardId(0)))), "{lost:?}");
    }
    b1.await.unwrap();
    b2.await.unwrap();
    assert!(watch.try_recv().is_err(), "dropped, not fired");
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    assert!(matches!(cell.run(&a, signal("late")).await, Err(ShardError::NotOwner(_))));
    cell.run(&b, signal("late")).await.unwrap();
    assert_eq!(cell.signals(&b).await, ["held", "open", "late"]);
    tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1, "nobody plays ping-pong");
    assert_eq!(cell.runtime.problems(), ["shard 0 is not served: another owner took it"]);

    cell.acquire(&[ShardId(0)]).await;
    assert_eq!(cell.runtime.serving(), SHARDS as usize);
    assert_eq!(cell.signals(&a).await, Vec::<String>::new(), "what was not durable is gone");
    cell.run(&a, signal("again")).await.unwrap();
    assert_eq!(cell.signals(&a).await, ["again"]);
}

#[tokio::test(start_paused = true)]
async fn the_older_of_two_runtimes_collides_for_ever() {
    let old = Cell::new().await;
    let ids: Vec<String> = (0..SHARDS).map(|shard| id_on(shard, 0)).collect();
    for id in &ids {
        old.run(id, start()).await.unwrap();
    }
    let closed = id_on(2, 5);
    old.run(&closed, start()).await.unwrap();
    old.run(&closed, terminate()).await.unwrap();
    let new = old.another().await;
    new.run(&closed, start()).await.unwrap();
    // The new owner goes on for long and trims everything that it may.
    for round in 0..5 {
        for id in &ids {
            new.run(id, signal(&round.to_string())).await.unwrap();
        }
        new.runtime.checkpoint_all().await.unwrap();
    }
    assert_eq!(old.runtime.serving(), SHARDS as usize, "nobody has told it yet");
    let refused = old.run(&ids[0], start()).await;
    assert!(matches!(refused, Err(ShardError::NotOwner(_))), "a rejection by who is no owner: {refused:?}");
    let absent = current(&id_on(1, 5));
    let read = old.runtime.read(&absent, |view| view.run.is_none()).await;
    assert!(matches!(read, Err(ShardError::NotOwner(_))), "absence told by who is no owner: {read:?}");
    let history = old.runtime.history(&absent, 1, 9).await;
    assert!(matches!(history, Err(ShardError::NotOwner(_))), "the same: {history:?}");
    old.runtime.read(&current(&closed), |view| assert!(view.run.unwrap().closed())).await.unwrap();
    let cancel = old.run(&closed, RequestCancelWorkflow::default()).await;
    assert!(matches!(cancel, Err(ShardError::NotOwner(_))), "it runs again: {cancel:?}");
    assert!(old.runtime.checkpoint_all().await.is_err(), "a stale checkpoint");
    for _ in 0..3 {
        for id in &ids {
            let lost = old.run(id, signal("stale")).await;
            assert!(matches!(lost, Err(ShardError::NotOwner(_))), "{lost:?}");
        }
    }
    assert_eq!(old.runtime.serving(), 0);
    for id in &ids {
        new.run(id, signal("last")).await.unwrap();
        assert_eq!(new.signals(id).await, ["0", "1", "2", "3", "4", "last"]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_superseded_takes_no_end_of_a_child_in_that_it_has_not_heard_of() {
    let old = Cell::new().await;
    old.run("parent", start()).await.unwrap();
    let new = old.another().await;
    new.work("parent", vec![child("child")]).await;
    let closed = RecordChildClosed {
        initiated_event_id: 5,
        child_run_id: Uuid::from_u128(7),
        first_run_id: Uuid::from_u128(7),
        workflow_id: "child".into(),
        workflow_type: "type".into(),
        close_event: Bytes::new(),
    };
    let told = old.run("parent", closed).await;
    assert!(matches!(told, Err(ShardError::NotOwner(_))), "the child would not tell again: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_term_saw_is_not_vouched_for_by_the_next() {
    let old = Cell::new().await;
    let id = id_on(1, 0);
    let new = old.another().await;
    new.run(&id, start()).await.unwrap();
    // Nobody has told the old owner. It looks, and while it asks whether it still owns the shard it takes it back.
    let gate = Gate::new();
    old.store.script(Call::Epochs, Fault::HoldBefore(gate.clone()));
    let (runtime, target) = (Arc::clone(&old.runtime), current(&id));
    let absent = tokio::spawn(async move { runtime.read(&target, |view| view.run.is_none()).await });
    gate.arrived().await;
    old.acquire(&[ShardId(1)]).await;
    gate.release();
    let absent = absent.await.unwrap();
    assert!(matches!(absent, Err(ShardError::NotOwner(_))), "it was there all the time: {absent:?}");
    assert!(!old.runtime.read(&current(&id), |view| view.run.is_none()).await.unwrap());
}
