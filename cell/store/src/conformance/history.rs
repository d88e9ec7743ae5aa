//! History segments of runs.

use super::fixture::*;
use crate::types::*;

/// Segments of 3 events and 30 bytes each: 1-3, 4-6, 7-9, 10-12.
async fn written(cell: &Cell, run: &EntityKey) -> (Owner, Vec<HistorySegment>) {
    let owner = cell.own(S).await;
    let events = "e".repeat(30);
    let segments: Vec<HistorySegment> = (0..4).map(|n| segment(run, n * 3 + 1, n * 3 + 3, &events)).collect();
    let mut shuffled = segments.clone();
    shuffled.swap(0, 2);
    cell.save(Checkpoint { history: shuffled, ..owner.slice() }).await;
    (owner, segments)
}

async fn ids(cell: &Cell, run: &EntityKey, first: i64, last: i64, max_bytes: usize) -> Vec<i64> {
    let segments = cell.shards().history(S, run, first, last, max_bytes).await.expect("history");
    segments.iter().map(|segment| segment.first_event_id).collect()
}

pub(super) async fn segments_come_back_in_order(mut cell: Cell) {
    let run = run_key("workflow", 1);
    let (_, segments) = written(&cell, &run).await;
    cell.restart().await;
    assert_eq!(cell.history(&run).await, segments);
    assert_eq!(cell.history(&run_key("workflow", 2)).await, []);
}

pub(super) async fn a_range_answers_the_segments_that_overlap_it(cell: Cell) {
    let run = run_key("workflow", 1);
    written(&cell, &run).await;
    assert_eq!(ids(&cell, &run, 1, 1, usize::MAX).await, [1]);
    assert_eq!(ids(&cell, &run, 3, 4, usize::MAX).await, [1, 4]);
    assert_eq!(ids(&cell, &run, 5, 5, usize::MAX).await, [4]);
    assert_eq!(ids(&cell, &run, 6, 10, usize::MAX).await, [4, 7, 10]);
    assert_eq!(ids(&cell, &run, 12, 900, usize::MAX).await, [10]);
    assert_eq!(ids(&cell, &run, 13, i64::MAX, usize::MAX).await, [0i64; 0]);
    assert_eq!(ids(&cell, &run, i64::MIN, 0, usize::MAX).await, [0i64; 0]);
}

pub(super) async fn max_bytes_bounds_the_answer_but_for_one_segment(cell: Cell) {
    let run = run_key("workflow", 1);
    written(&cell, &run).await;
    assert_eq!(ids(&cell, &run, 1, 12, 0).await, [1]);
    assert_eq!(ids(&cell, &run, 5, 12, 29).await, [4]);
    assert_eq!(ids(&cell, &run, 1, 12, 59).await, [1]);
    assert_eq!(ids(&cell, &run, 1, 12, 60).await, [1, 4]);
    assert_eq!(ids(&cell, &run, 4, 12, 90).await, [4, 7, 10]);
}

pub(super) async fn a_segment_with_the_same_first_event_is_replaced(cell: Cell) {
    let run = run_key("workflow", 1);
    let (owner, mut segments) = written(&cell, &run).await;
    let longer = segment(&run, 10, 15, "longer");
    cell.save(Checkpoint { history: vec![longer.clone()], ..owner.slice() }).await;
    segments[3] = longer;
    assert_eq!(cell.history(&run).await, segments);
    assert_eq!(ids(&cell, &run, 14, 14, usize::MAX).await, [10]);
}

pub(super) async fn deleting_a_run_deletes_its_history_and_no_other(cell: Cell) {
    let (run, next) = (run_key("workflow", 1), run_key("workflow", 2));
    let (owner, _) = written(&cell, &run).await;
    let other = vec![segment(&next, 1, 3, "other run"), segment(&run_key("other", 1), 1, 3, "other id")];
    cell.save(Checkpoint { history: other.clone(), ..owner.slice() }).await;
    cell.save(Checkpoint { deleted: vec![run.clone()], ..owner.slice() }).await;
    assert_eq!(cell.history(&run).await, [], "also without an entity row");
    for segment in other {
        assert_eq!(cell.history(&segment.branch.clone()).await, [segment]);
    }
}
