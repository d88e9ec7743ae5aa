//! A mistake in the engine costs one command or one workflow, never the shard.

use crate::fixture::*;
use cell_shard::ShardError;
use cell_store::ShardId;

#[tokio::test(start_paused = true)]
async fn in_decide_it_changes_nothing() {
    let cell = Cell::new().await;
    let ids = ["w".to_owned()];
    cell.run("w", start()).await.unwrap();
    let before = cell.snapshots(&ids).await;
    let rows = cell.ledger.rows(cell.runtime.shard_of(NAMESPACE, "w")).len();
    let panicked = cell.run("w", PanicInDecide).await;
    assert!(matches!(panicked, Err(ShardError::Panicked)), "{panicked:?}");
    assert_eq!(cell.snapshots(&ids).await, before);
    cell.run("w", signal("s")).await.unwrap();
    assert_eq!(cell.ledger.rows(cell.runtime.shard_of(NAMESPACE, "w")).len(), rows + 1);
    assert_eq!(cell.signals("w").await, ["s"]);
}

#[tokio::test(start_paused = true)]
async fn in_apply_it_keeps_one_workflow_aside_and_the_shard_serves_on() {
    let cell = Cell::new().await;
    let (bad, good) = (id_on(0, 0), id_on(0, 1));
    for id in [&bad, &good] {
        cell.run(id, start()).await.unwrap();
        cell.work(id, vec![timer("t", 60)]).await;
    }
    let healthy = cell.snapshots(std::slice::from_ref(&bad)).await;
    let panicked = cell.run(&bad, PanicInApply).await;
    assert!(matches!(panicked, Err(ShardError::Quarantined(_))), "{panicked:?}");
    let refused = cell.run(&bad, signal("s")).await;
    assert!(matches!(refused, Err(ShardError::Quarantined(_))), "{refused:?}");

    cell.run(&good, signal("s")).await.unwrap();
    cell.clock.step(61 * SECOND);
    // The loop may have woken it before this call does; the one that is kept aside stays out of it.
    assert!(cell.runtime.wake_all_due().await <= 1, "only the good one is due");
    cell.runtime.checkpoint_all().await.unwrap();
    let last = cell.ledger.rows(ShardId(0)).last().unwrap().seq;
    assert_eq!(cell.ledger.advanced(ShardId(0)), last, "the log need not keep it");
    assert_eq!(cell.signals(&good).await, ["s"]);

    let again = cell.another().await;
    assert_eq!(again.snapshots(std::slice::from_ref(&bad)).await, healthy, "the record never was");
    again.run(&bad, signal("healthy")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closed_run_that_is_kept_aside_does_not_stop_the_hours() {
    let cell = Cell::new().await;
    let (bad, good) = (id_on(0, 0), id_on(0, 1));
    for id in [&bad, &good] {
        cell.run(id, start()).await.unwrap();
        cell.run(id, terminate()).await.unwrap();
    }
    cell.run(&bad, PanicInApply).await.unwrap_err();
    let seals = cell.ledger.seals(ShardId(0)).len();
    cell.clock.step(RETENTION + 2 * 3_600 * SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| out.deleted().len() >= 2).await;
    assert!(cell.out.look(|out| out.deleted().iter().all(|key| *key.id == *good)));
    assert_eq!(cell.ledger.seals(ShardId(0)).len(), seals + 26);
}
