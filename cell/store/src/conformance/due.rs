//! The wake index and the retention index.

use super::fixture::*;
use crate::types::*;

fn waking(n: u128, at_ms: Option<i64>) -> EntityRow {
    let key = run_key("workflow", n);
    EntityRow { wake_at_ms: at_ms, billed_bytes: n as u64, ..entity(&key, "snapshot") }
}

fn expiring(n: u128, closed: bool, at_ms: Option<i64>) -> EntityRow {
    EntityRow { closed, delete_at_ms: at_ms, ..waking(n, None) }
}

fn due(n: u128, at_ms: i64) -> DueRow {
    DueRow { key: run_key("workflow", n), at_ms, billed_bytes: n as u64 }
}

async fn saved(cell: &Cell, entities: Vec<EntityRow>) -> Owner {
    let owner = cell.own(S).await;
    cell.save(Checkpoint { entities, ..owner.slice() }).await;
    owner
}

pub(super) async fn due_is_earliest_first_then_by_key(mut cell: Cell) {
    let rows = vec![waking(4, Some(20)), waking(3, Some(10)), waking(2, None), waking(1, Some(20))];
    saved(&cell, rows).await;
    cell.restart().await;
    let rows = cell.shards().due(S, 100, 100).await.expect("due");
    assert_eq!(rows, [due(3, 10), due(1, 20), due(4, 20)]);
    assert_eq!(cell.shards().due(T, 100, 100).await.expect("due"), []);
}

pub(super) async fn due_keeps_to_limit_and_time(cell: Cell) {
    saved(&cell, (0..20).map(|n| waking(n, Some(n as i64 / 2))).collect()).await;
    let answered = |rows: Vec<DueRow>| rows.iter().map(|row| row.billed_bytes).collect::<Vec<_>>();
    assert_eq!(answered(cell.shards().due(S, 1, 100).await.expect("due")), [0, 1, 2, 3]);
    assert_eq!(answered(cell.shards().due(S, 100, 3).await.expect("due")), [0, 1, 2]);
    assert_eq!(answered(cell.shards().due(S, -1, 100).await.expect("due")), [0u64; 0]);
    assert_eq!(answered(cell.shards().due(S, 100, 0).await.expect("due")), [0u64; 0]);
}

pub(super) async fn a_changed_or_removed_wake_is_followed(cell: Cell) {
    let owner = saved(&cell, (1..=4).map(|n| waking(n, Some(5))).collect()).await;
    cell.save(Checkpoint {
        entities: vec![waking(1, Some(7)), waking(2, None)],
        deleted: vec![run_key("workflow", 3)],
        ..owner.slice()
    })
    .await;
    assert_eq!(cell.shards().due(S, 9, 9).await.expect("due"), [due(4, 5), due(1, 7)]);
}

pub(super) async fn expired_answers_closed_entities_only(cell: Cell) {
    let owner = saved(
        &cell,
        vec![
            expiring(1, true, Some(9)),
            expiring(2, false, Some(1)),
            expiring(3, true, None),
            expiring(4, true, Some(3)),
            expiring(5, true, Some(3)),
            expiring(6, true, Some(11)),
        ],
    )
    .await;
    let rows = cell.shards().expired(S, 10, 9).await.expect("expired");
    assert_eq!(rows, [due(4, 3), due(5, 3), due(1, 9)]);
    assert_eq!(cell.shards().expired(S, 10, 2).await.expect("expired"), rows[..2]);
    let reopened = expiring(4, false, Some(3));
    cell.save(Checkpoint {
        entities: vec![reopened],
        deleted: vec![run_key("workflow", 5)],
        ..owner.slice()
    })
    .await;
    assert_eq!(cell.shards().expired(S, 10, 9).await.expect("expired"), rows[2..]);
    assert_eq!(cell.shards().due(S, i64::MAX, 9).await.expect("due"), [], "deletion is no wake");
}

pub(super) async fn negative_and_extreme_times_keep_their_order(cell: Cell) {
    let times = [i64::MIN, -1, 0, 1, i64::MAX];
    saved(&cell, times.iter().zip(1..).map(|(at, n)| waking(n, Some(*at))).collect()).await;
    let rows = cell.shards().due(S, i64::MAX, 9).await.expect("due");
    assert!(rows.iter().map(|row| row.at_ms).eq(times));
    assert_eq!(cell.shards().due(S, i64::MIN, 9).await.expect("due").len(), 1);
}
