//! What is read back from the outbox, page by page.

use super::*;

#[tokio::test]
async fn all_is_at_hand_once_the_outbox_was_read_to_its_end() {
    let mut site = Site::new().await;
    let before = site.spool(10_000);
    before.put(S, site.epoch, item(1, 1, 10));
    site.hand_over(&before).await;
    site.acquire().await;
    let spool = site.spool(10_000);
    assert!(!spool.is_all_at_hand(S), "nobody has looked");
    spool.read_back_of(S, 1).await.expect("readable");
    assert!(!spool.is_all_at_hand(S), "there may be more behind the first page");
    spool.read_back_of(S, usize::MAX).await.expect("readable");
    assert!(spool.is_all_at_hand(S));
    assert!(spool.is_all_at_hand(ShardId(1)), "of a shard that is not here nothing is missing");
}

#[tokio::test]
async fn what_is_let_go_of_while_a_page_is_read_is_told_once_and_in_its_place() {
    let site = Site::new().await;
    let store = FaultStore::new(site.store.stores(), 1);
    let spool = Spool::new(1_000);
    spool.begin(Outbox::new(store.stores().shards, S, site.epoch, "items", Arc::clone(&site.due)));
    assert!(told(&spool).await.is_empty());
    (1..=10).for_each(|n| spool.put(S, site.epoch, item(n, n, 100)));
    let all = spool.hand_over(S, site.epoch, 10, Room { rows: 10, bytes: usize::MAX });
    let slice = Checkpoint { outbox: all.rows, ..Checkpoint::empty(S, site.epoch) };
    site.store.checkpoint(&slice).await.expect("writes");
    spool.stands(S, site.epoch, &slice.outbox, &[]);
    let first = told(&spool).await;
    assert_eq!(marks(&first), [1, 2], "the rest was let go of");
    let gate = Gate::new();
    store.script(Call::Outbox, Fault::HoldAfter(gate.clone()));
    let meanwhile = async {
        gate.arrived().await;
        // The page begins behind the second, which goes too now.
        spool.confirm(&first[..1]);
        spool.give_back(&first[1..]);
        spool.put(S, site.epoch, item(11, 11, 2_000));
        assert!(site.slice(&spool, 10, true, true).await);
        assert_eq!(spool.bytes(), 2_000 + 8 + 96, "only what does not stand");
        gate.release();
    };
    let (read, ()) = tokio::join!(spool.read_back(), meanwhile);
    read.expect("readable");
    let mut rest = Vec::new();
    loop {
        let next = told(&spool).await;
        if next.is_empty() {
            break;
        }
        rest.extend(marks(&next));
        spool.confirm(&next);
    }
    assert_eq!(rest, (2..=11).collect::<Vec<_>>());
}

/// Three items whose rows stand: one was taken, one refused, and one let go of for another that does not stand. The
/// outbox is to be read from its start.
async fn let_go_of_one(site: &Site, spool: &Spool<Item>) {
    (1..=3).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    site.hand_over(spool).await;
    let told = told(spool).await;
    spool.confirm(&told[..1]);
    assert!(spool.set_aside(&told[1]));
    spool.give_back(&told[2..]);
    spool.put(S, site.epoch, item(9, 9, 1_000));
    spool.stands(S, site.epoch, &[], &[]);
}

#[tokio::test]
async fn what_was_taken_or_refused_is_not_told_again_where_its_row_is_read_back() {
    let site = Site::new().await;
    let spool = site.spool(500);
    let_go_of_one(&site, &spool).await;
    assert_eq!(marks(&told(&spool).await), [3]);
}

#[tokio::test]
async fn what_is_removed_while_a_page_is_read_is_not_told_again() {
    let site = Site::new().await;
    let store = FaultStore::new(site.store.stores(), 1);
    let spool = Spool::new(500);
    spool.begin(Outbox::new(store.stores().shards, S, site.epoch, "items", Arc::clone(&site.due)));
    let_go_of_one(&site, &spool).await;
    let gate = Gate::new();
    store.script(Call::Outbox, Fault::HoldAfter(gate.clone()));
    let meanwhile = async {
        gate.arrived().await;
        assert!(site.slice(&spool, 0, true, true).await, "the row that was taken goes");
        gate.release();
    };
    let (read, ()) = tokio::join!(spool.read_back(), meanwhile);
    read.expect("readable");
    assert_eq!(marks(&told(&spool).await), [3]);
}

#[tokio::test]
async fn what_is_let_go_of_while_what_comes_behind_it_is_read_is_read_again() {
    let site = Site::new().await;
    let store = FaultStore::new(site.store.stores(), 1);
    let spool = Spool::new(500);
    spool.begin(Outbox::new(store.stores().shards, S, site.epoch, "items", Arc::clone(&site.due)));
    (1..=2).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    site.hand_over(&spool).await;
    spool.read_back_of(S, 1).await.expect("readable");
    let first = spool.next(9, usize::MAX);
    assert_eq!(marks(&first), [1, 2]);
    let gate = Gate::new();
    store.script(Call::Outbox, Fault::HoldAfter(gate.clone()));
    let meanwhile = async {
        gate.arrived().await;
        spool.give_back(&first);
        spool.put(S, site.epoch, item(9, 9, 1_000));
        spool.stands(S, site.epoch, &[], &[]);
        gate.release();
    };
    let (read, ()) = tokio::join!(spool.read_back(), meanwhile);
    read.expect("readable");
    assert_eq!(marks(&told(&spool).await), [1, 2]);
}

#[test]
fn a_page_takes_about_a_quarter_of_a_share_within_its_limits() {
    let rooms = [0, 400 << 10, 8 << 20].map(page_room);
    let expected = [(16, 2 << 10), (50, 100 << 10), (500, 256 << 10)];
    assert_eq!(rooms, expected.map(|(rows, bytes)| Room { rows, bytes }));
}
