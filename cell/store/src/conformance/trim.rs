//! Trimming deletes what no recovery needs, and nothing else.

use super::fixture::*;
use crate::types::*;

pub(super) async fn trim_deletes_up_to_the_checkpoint_only(mut cell: Cell) {
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 4).await;
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 0, "no checkpoint, no trim");
    cell.save(owner.advance(written[1].rows[0].seq)).await;
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 2, "the ownership record stays");
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 0);
    cell.restart().await;
    assert_eq!(cell.tail(S).await, [written[2].rows[0].clone(), written[3].rows[0].clone()]);
}

pub(super) async fn ownership_records_are_never_trimmed(cell: Cell) {
    let mut records = Vec::new();
    for _ in 0..4 {
        let acquired = cell.acquire(S).await;
        let mut owner = Owner { shard: S, epoch: acquired.epoch, next_seq: acquired.last_seq + 1 };
        let record = owner.ownership();
        assert_eq!(cell.append(&record).await, AppendOutcome::Accepted);
        let written = cell.write(&mut owner, 2).await;
        cell.save(owner.advance(written[1].rows[0].seq)).await;
        assert_eq!(cell.shards().trim(S).await.expect("trim"), 2);
        records.push(record);
    }
    for record in records {
        assert_eq!(cell.append(&record).await, AppendOutcome::Accepted, "the record stands at its position");
    }
}

pub(super) async fn the_log_goes_on_after_everything_was_trimmed(mut cell: Cell) {
    let mut owner = cell.own(S).await;
    cell.write(&mut owner, 5).await;
    cell.save(owner.advance(owner.next_seq - 1)).await;
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 5);
    cell.restart().await;
    let acquired = cell.acquire(S).await;
    assert_eq!((acquired.last_seq, acquired.tail.len()), (owner.next_seq - 1, 0));
    let mut next = cell.own(S).await;
    assert_eq!(next.next_seq, owner.next_seq + 1);
    let written = cell.write(&mut next, 1).await;
    assert_eq!(cell.tail(S).await[1..], written[0].rows);
}

pub(super) async fn what_stands_of_the_log_is_read_page_by_page(cell: Cell) {
    let read = |from, through, bytes| cell.shards().log(S, from, through, bytes);
    assert_eq!(read(1, u64::MAX, usize::MAX).await.expect("log"), [], "an empty log");
    let (mut owner, mut other) = (cell.own(S).await, cell.own(T).await);
    cell.write(&mut other, 2).await;
    let written: Vec<LogRow> = cell.write(&mut owner, 5).await.into_iter().flat_map(|a| a.rows).collect();
    let (first, last) = (written[0].seq, written[4].seq);
    assert_eq!(read(first, last, usize::MAX).await.expect("log"), written);
    assert_eq!(read(first + 1, last - 1, usize::MAX).await.expect("log"), written[1..4]);
    assert_eq!(read(last + 1, u64::MAX, usize::MAX).await.expect("log"), []);
    assert_eq!(
        read(last, first, usize::MAX).await.expect("log"),
        [],
        "nothing is between an end and a beginning"
    );
    let two = written[0].data.len() + written[1].data.len();
    assert_eq!(read(first, last, two).await.expect("log"), written[..2]);
    assert_eq!(read(first, last, two - 1).await.expect("log"), written[..1]);
    assert_eq!(read(first, last, 0).await.expect("log"), written[..1], "one, however large");
    cell.save(owner.advance(written[2].seq)).await;
    cell.shards().trim(S).await.expect("trim");
    assert_eq!(read(first, last, usize::MAX).await.expect("log"), written[3..]);
}

pub(super) async fn a_long_log_is_trimmed_whole(cell: Cell) {
    let (mut owner, mut other) = (cell.own(S).await, cell.own(T).await);
    let neighbour = cell.write(&mut other, 1).await.remove(0);
    let append = owner.batch(3_000);
    assert_eq!(cell.append(&append).await, AppendOutcome::Accepted);
    cell.save(owner.advance(owner.next_seq - 2)).await;
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 2_999);
    assert_eq!(cell.tail(S).await, append.rows[2_999..]);
    assert_eq!(cell.tail(T).await[1..], neighbour.rows);
}
