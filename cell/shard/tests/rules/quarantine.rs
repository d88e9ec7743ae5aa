//! What the engine failed on is listed, tried again and deleted by operators.

use crate::fixture::*;
use cell_shard::ShardError;
use cell_store::{EntityKey, ShardId};

/// A workflow that is kept aside, with its current-run record, and one that is well.
async fn cell_with_one_aside() -> (Cell, String, String) {
    let cell = Cell::new().await;
    let (bad, good) = (id_on(0, 0), id_on(0, 1));
    for id in [&bad, &good] {
        cell.run(id, start()).await.unwrap();
    }
    cell.run(&bad, PanicInApply).await.unwrap_err();
    (cell, bad, good)
}

fn aside(cell: &Cell) -> Vec<EntityKey> {
    cell.runtime.quarantined(None, usize::MAX).0.into_iter().map(|aside| aside.key).collect()
}

#[tokio::test(start_paused = true)]
async fn listed_with_reason_moment_and_place() {
    let (cell, bad, _) = cell_with_one_aside().await;
    let (all, count) = cell.runtime.quarantined(None, usize::MAX);
    assert_eq!((all.len(), count), (2, 2), "the run and its record: {all:?}");
    for one in &all {
        assert_eq!((one.shard, &*one.key.id, one.since.0), (ShardId(0), bad.as_str(), START));
        assert!(!one.why.is_empty());
        assert_eq!(one.needs_log_from, Some(3), "ownership, the first seal, then its start");
    }
    assert_eq!(cell.runtime.quarantined(None, 1), (all[..1].to_vec(), 2));
    assert_eq!(cell.runtime.quarantined(Some("other"), 9), (vec![], 0));
    assert_eq!(cell.runtime.quarantined(Some(&bad), 9).1, 2);
}

#[tokio::test(start_paused = true)]
async fn what_works_when_it_is_tried_again_is_served() {
    let (cell, bad, good) = cell_with_one_aside().await;
    cell.run(&good, signal("before")).await.unwrap();
    assert!(cell.runtime.retry_quarantined(&aside(&cell)[0]).await.unwrap(), "the record never was");
    assert_eq!(aside(&cell), [], "everything of the shard was tried again");
    cell.run(&bad, signal("s")).await.unwrap();
    assert_eq!(cell.signals(&bad).await, ["s"]);
    assert_eq!(cell.signals(&good).await, ["before"]);
    assert_eq!(cell.runtime.problems(), Vec::<String>::new(), "that is no failure");
    cell.runtime.checkpoint_all().await.unwrap();
    let last = cell.ledger.rows(ShardId(0)).last().unwrap().seq;
    assert_eq!(cell.ledger.advanced(ShardId(0)), last, "nothing holds the trim any more");
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_gone_and_its_id_is_free() {
    for stored in [false, true] {
        let cell = Cell::new().await;
        let (bad, good) = (id_on(0, 0), id_on(0, 1));
        for id in [&bad, &good] {
            cell.run(id, start()).await.unwrap();
        }
        if stored {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        cell.run(&bad, PanicInApply).await.unwrap_err();
        for key in aside(&cell) {
            cell.runtime.drop_quarantined(&key).await.unwrap();
        }
        assert_eq!(aside(&cell), []);
        assert!(cell.runtime.read(&current(&bad), |view| view.run.is_none()).await.unwrap());
        cell.run(&bad, start()).await.expect("the id is free");
        assert_eq!(cell.history(&good, 1, i64::MAX).await.len(), 2);
        cell.runtime.checkpoint_all().await.unwrap();
        let last = cell.ledger.rows(ShardId(0)).last().unwrap().seq;
        assert_eq!(cell.ledger.advanced(ShardId(0)), last, "nothing holds the trim any more");
        let again = cell.another().await;
        assert_eq!(aside(&again), []);
        assert_eq!(again.history(&bad, 1, i64::MAX).await.len(), 2, "stored: {stored}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_well_is_neither_tried_again_nor_deleted() {
    let (cell, _, good) = cell_with_one_aside().await;
    let key = cell.runtime.read(&current(&good), |view| view.run.unwrap().key().clone()).await.unwrap();
    let retried = cell.runtime.retry_quarantined(&key).await;
    assert!(matches!(retried, Err(ShardError::Rejected(_))), "{retried:?}");
    let dropped = cell.runtime.drop_quarantined(&key).await;
    assert!(matches!(dropped, Err(ShardError::Rejected(_))), "{dropped:?}");
    assert_eq!(cell.history(&good, 1, i64::MAX).await.len(), 2);
}
