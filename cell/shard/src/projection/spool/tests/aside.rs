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

const REFUSED: u64 = 1_600;

/// Tells all that there is to a sink that refuses the first [`REFUSED`] for good. The marks of what it took.
async fn tell_all(spool: &Spool<Item>) -> Vec<u64> {
    let mut taken = Vec::new();
    for _ in 0..100 {
        spool.read_back().await.expect("readable");
        let batch = spool.next(500, usize::MAX);
        if batch.is_empty() {
            return taken;
        }
        for told in batch {
            if told.item.0 <= REFUSED {
                spool.set_aside(&told);
            } else {
                taken.push(told.item.0);
                spool.confirm(&[told]);
            }
        }
    }
    panic!("the same are told again and again; {taken:?} were taken")
}

/// Where they stand in the outbox, and where they do not yet.
#[tokio::test]
async fn what_is_behind_more_than_can_be_set_aside_is_told() {
    for stands in [false, true] {
        let site = Site::new().await;
        let spool = site.spool(1 << 20);
        (1..=REFUSED + 1).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
        if stands {
            site.hand_over(&spool).await;
        }
        assert_eq!(tell_all(&spool).await, [REFUSED + 1]);
        site.hand_over(&spool).await;
        assert_eq!((site.rows().await.len(), spool.bytes()), (REFUSED as usize, 0), "they cost no memory");
        // Something newer is told at once, and has the row removed that was passed over.
        spool.put(S, site.epoch, item(1_500, 9_000, 10));
        assert_eq!(tell_all(&spool).await, [9_000]);
        site.hand_over(&spool).await;
        assert_eq!(site.rows().await.len() as u64, REFUSED - 1);
        // A new one that is refused, too, is passed over like the others.
        spool.put(S, site.epoch, item(1_700, 1, 10));
        assert!(tell_all(&spool).await.is_empty());
        // All are told again together.
        spool.take_up_aside();
        let mut again = 0;
        loop {
            let batch = told(&spool).await;
            if batch.is_empty() {
                break;
            }
            again += batch.len() as u64;
            spool.confirm(&batch);
        }
        assert_eq!(again, REFUSED);
        site.hand_over(&spool).await;
        assert!(site.rows().await.is_empty());
        assert_eq!(spool.bytes(), 0);
    }
}

/// It came later, and memory let go of it before the sink had it.
#[tokio::test]
async fn what_is_between_those_that_are_passed_over_is_told() {
    let site = Site::new().await;
    let spool = site.spool(1 << 20);
    let refused = (1..=1_000).chain([1_001, 1_005]);
    refused.for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    assert_eq!(tell_all(&spool).await, [0; 0]);
    site.hand_over(&spool).await;
    assert_eq!((spool.set_aside_count(), spool.bytes()), (1_000, 0));
    spool.put(S, site.epoch, item(1_003, 9_000, 10));
    site.hand_over(&spool).await;
    spool.shards.lock().get_mut(&S).expect("it began").let_go(0);
    assert_eq!(spool.bytes(), 0);
    assert_eq!(tell_all(&spool).await, [9_000]);
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
