//! What the sink does not take, and rows that do not decode.

use super::*;

#[tokio::test]
async fn what_the_sink_refuses_holds_up_nothing_and_stays_in_the_outbox() {
    let mut site = Site::new().await;
    let spool = site.spool(10_000);
    (1..=3).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    let batch = told(&spool).await;
    assert!(spool.set_aside(&batch[1]));
    spool.confirm(&[batch[0].clone(), batch[2].clone()]);
    assert!(told(&spool).await.is_empty());
    site.hand_over(&spool).await;
    site.hand_over(&spool).await;
    assert_eq!(site.rows().await.len(), 1);
    assert_eq!((spool.set_aside_count(), spool.bytes()), (1, 0));
    // Something newer of its key may be better.
    spool.put(S, site.epoch, item(2, 9, 10));
    let batch = told(&spool).await;
    assert_eq!((marks(&batch), spool.set_aside_count()), (vec![9], 0));
    assert!(spool.set_aside(&batch[0]));
    site.hand_over(&spool).await;
    // The next life tries again.
    site.acquire().await;
    let next = site.spool(10_000);
    let batch = told(&next).await;
    assert_eq!(marks(&batch), [9]);
    next.confirm(&batch);
    site.hand_over(&next).await;
    assert!(site.rows().await.is_empty());
}

#[tokio::test]
async fn what_was_set_aside_is_taken_up_again_from_memory_and_from_the_outbox() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    (1..=5).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    let batch = told(&spool).await;
    assert!(spool.set_aside(&batch[1]) && spool.set_aside(&batch[3]));
    spool.confirm(&batch[..1]);
    spool.confirm(&batch[4..]);
    spool.give_back(&batch[2..3]);
    // In memory.
    spool.take_up_aside();
    assert_eq!(spool.set_aside_count(), 0);
    let batch = told(&spool).await;
    assert_eq!(marks(&batch), [2, 3, 4]);
    // In the outbox, behind what is being told.
    assert!(spool.set_aside(&batch[0]) && spool.set_aside(&batch[2]));
    site.hand_over(&spool).await;
    spool.take_up_aside();
    let again = told(&spool).await;
    assert_eq!(marks(&again), [2, 4], "what is being told is not told twice");
    spool.confirm(&batch[1..2]);
    spool.confirm(&again);
    site.hand_over(&spool).await;
    site.hand_over(&spool).await;
    assert!(site.rows().await.is_empty());
    assert_eq!(spool.bytes(), 0);
}

#[tokio::test]
async fn what_supersedes_a_row_that_was_set_aside_or_does_not_decode_has_it_removed() {
    let site = Site::new().await;
    let row = OutboxRow {
        projection: "items".into(),
        key: key(2),
        position: Position { seq: 2, index: 0 },
        since_ms: 0,
        data: Bytes::from_static(b"?"),
    };
    let slice = Checkpoint { outbox: vec![row], ..Checkpoint::empty(S, site.epoch) };
    site.store.checkpoint(&slice).await.expect("writes");
    let spool = site.spool(10_000);
    spool.put(S, site.epoch, item(1, 1, 10));
    let batch = told(&spool).await;
    assert!(spool.set_aside(&batch[0]));
    site.hand_over(&spool).await;
    assert_eq!((site.rows().await.len(), spool.set_aside_count()), (2, 2));
    // It is told before anything writes it.
    (1..=2).for_each(|n| spool.put(S, site.epoch, item(n, 9, 10)));
    let batch = told(&spool).await;
    spool.confirm(&batch);
    site.hand_over(&spool).await;
    assert_eq!((site.rows().await.len(), spool.set_aside_count()), (0, 0));
}

#[tokio::test]
async fn rows_that_do_not_decode_stay_and_hold_up_nothing() {
    let site = Site::new().await;
    let row = |n, data: &'static [u8]| OutboxRow {
        projection: "items".into(),
        key: key(n),
        position: Position { seq: n, index: 0 },
        since_ms: 0,
        data: Bytes::from_static(data),
    };
    let outbox = vec![row(1, b"?"), row(2, &[0; 16])];
    let slice = Checkpoint { outbox, ..Checkpoint::empty(S, site.epoch) };
    site.store.checkpoint(&slice).await.expect("writes");
    let spool = site.spool(10_000);
    let batch = told(&spool).await;
    assert_eq!((batch.len(), spool.set_aside_count()), (1, 1));
    spool.confirm(&batch);
    site.hand_over(&spool).await;
    assert_eq!(site.rows().await.len(), 1);
}

#[tokio::test]
async fn what_the_sink_refuses_keeps_nothing_newer_from_it() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    spool.put(S, site.epoch, item(1, 1, 10));
    let old = told(&spool).await;
    spool.put(S, site.epoch, item(1, 2, 10));
    assert!(spool.set_aside(&old[0]));
    assert_eq!((marks(&told(&spool).await), spool.set_aside_count()), (vec![2], 0));
}

#[tokio::test]
async fn the_oldest_that_waits_is_none_that_the_sink_refuses() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    assert_eq!(spool.oldest_ms(), None);
    [3, 5].into_iter().for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    assert_eq!(spool.oldest_ms(), Some(3));
    spool.set_aside(&told(&spool).await[0]);
    assert_eq!(spool.oldest_ms(), Some(5));
}
