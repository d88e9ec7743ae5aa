//! Lives of the log: they follow each other, and each begins whole or not at all.

use super::fixture::{Cell, SHARDS};
use crate::error::StoreError;
use crate::incarnations::{Incarnation, Incarnations, Restored};
use crate::types::{ShardId, StoreIdentity};
use uuid::Uuid;

const FIRST: Uuid = Uuid::from_u128(1);

async fn load(cell: &Cell) -> Incarnations {
    let identity = StoreIdentity { incarnation: FIRST, shard_count: SHARDS };
    Incarnations::load(&*cell.stores.metadata, identity).await.expect("readable")
}

/// Its rows begin here in each shard.
fn restored(first_seq: u64) -> Restored {
    let first_seq = (0..u64::from(SHARDS)).map(|shard| first_seq + shard).collect();
    Restored { first_seq, at_ms: 7, first_hour_ms: 3_600_000 }
}

pub(super) async fn a_log_has_one_until_another_begins(mut cell: Cell) {
    let mut known = load(&cell).await;
    assert_eq!(known.all(), [Incarnation { id: FIRST, restored: None }]);
    for n in 2..5_u64 {
        let id = Uuid::from_u128(n.into());
        known.begin(&*cell.stores.metadata, id, restored(10 * n)).await.expect("begun");
        cell.restart().await;
        let found = load(&cell).await;
        assert_eq!(found, known);
        assert_eq!(found.current(), id);
        assert_eq!(found.all().last(), Some(&Incarnation { id, restored: Some(restored(10 * n)) }));
    }
    let identity = StoreIdentity { incarnation: FIRST, shard_count: SHARDS + 1 };
    let refused = Incarnations::load(&*cell.stores.metadata, identity).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}

pub(super) async fn rows_are_of_one_incarnation_each(cell: Cell) {
    let mut known = load(&cell).await;
    let [second, third, fourth] = [2, 3, 4].map(Uuid::from_u128);
    assert_eq!(known.parts(ShardId(0), 1, 9), [(FIRST, 1, 9)]);
    // The third has written nothing when the fourth begins.
    for (id, first_seq) in [(second, 10), (third, 20), (fourth, 20)] {
        known.begin(&*cell.stores.metadata, id, restored(first_seq)).await.expect("begun");
    }
    assert_eq!(known.parts(ShardId(0), 1, 30), [(FIRST, 1, 10), (second, 10, 20), (fourth, 20, 30)]);
    assert_eq!(known.parts(ShardId(2), 11, 13), [(FIRST, 11, 12), (second, 12, 13)]);
    assert_eq!(known.parts(ShardId(0), 10, 20), [(second, 10, 20)]);
    assert_eq!(known.parts(ShardId(0), 20, 21), [(fourth, 20, 21)]);
    assert_eq!(known.parts(ShardId(0), 5, 5), []);
}

pub(super) async fn of_two_that_begin_at_once_one_does(cell: Cell) {
    let (mut one, mut other) = (load(&cell).await, load(&cell).await);
    let [second, third] = [2, 3].map(Uuid::from_u128);
    let begin = (&*cell.stores.metadata, second, restored(5));
    one.begin(begin.0, begin.1, begin.2.clone()).await.expect("begun");
    let refused = other.begin(&*cell.stores.metadata, third, restored(5)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!((other.current(), load(&cell).await), (FIRST, one));
    // One whose answer was lost is no other.
    other.begin(begin.0, begin.1, begin.2).await.expect("the same");
}

pub(super) async fn who_found_that_the_log_went_back_is_believed_until_another_begins(mut cell: Cell) {
    let mut known = load(&cell).await;
    known.check(&*cell.stores.metadata).await.expect("nobody found that");
    known.mark_went_back(&*cell.stores.metadata, "shard 3 is short").await.expect("marked");
    cell.restart().await;
    let late = load(&cell).await;
    let refused = late.check(&*cell.stores.metadata).await;
    assert!(matches!(&refused, Err(StoreError::Unsafe(why)) if why == "shard 3 is short"), "{refused:?}");
    known.begin(&*cell.stores.metadata, Uuid::from_u128(2), restored(5)).await.expect("begun");
    known.check(&*cell.stores.metadata).await.expect("another has begun");
    // Whoever served the earlier one and comes back says nothing of this one.
    late.mark_went_back(&*cell.stores.metadata, "late").await.expect("marked");
    known.check(&*cell.stores.metadata).await.expect("it is not meant");
    // A failover may lose that another had begun, and not what that one left behind.
    known.mark_went_back(&*cell.stores.metadata, "again").await.expect("marked");
    late.check(&*cell.stores.metadata).await.expect_err("somebody found that");
}
