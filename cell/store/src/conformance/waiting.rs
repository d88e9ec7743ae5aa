//! Tasks that wait for a worker.

use super::fixture::*;
use crate::types::*;
use crate::waiting::*;
use std::sync::Arc;
use uuid::Uuid;

fn queue(name: &str) -> WaitingQueue {
    WaitingQueue { namespace_id: Uuid::from_u128(7), kind: WaitingKind::Workflow, name: name.into() }
}

/// A task of run `n`.
fn task(shard: ShardId, n: u128, priority: u8, scheduled_at_ms: i64) -> WaitingRow {
    let run = run_key("workflow", n);
    let key = WaitingKey {
        priority,
        scheduled_at_ms,
        shard,
        workflow_id: Arc::clone(&run.id),
        run_id: run.run_id,
        scheduled_event_id: 2,
    };
    WaitingRow { queue: queue("queue"), key, stamp: n as u32 }
}

/// A slice that writes runs with their tasks.
fn slice(owner: &Owner, waiting: Vec<WaitingRow>) -> Checkpoint {
    let entities = waiting.iter().map(|row| entity(&run_of(row), "snapshot")).collect();
    Checkpoint { entities, waiting, ..owner.slice() }
}

fn run_of(row: &WaitingRow) -> EntityKey {
    EntityKey::run(row.queue.namespace_id, Arc::clone(&row.key.workflow_id), row.key.run_id)
}

async fn all(cell: &Cell) -> Vec<WaitingRow> {
    cell.shards().waiting(&queue("queue"), None, usize::MAX).await.expect("waiting")
}

pub(super) async fn tasks_of_all_shards_come_in_one_order(mut cell: Cell) {
    let (s, t) = (cell.own(S).await, cell.own(T).await);
    let of_s = vec![task(S, 1, 3, 20), task(S, 2, 1, 90), task(S, 3, 3, i64::MIN), task(S, 6, 3, 10)];
    let of_t = vec![task(T, 4, 3, 10), task(T, 5, 3, 15), task(T, 1, 3, 20)];
    cell.save(slice(&s, of_s.clone())).await;
    cell.save(slice(&t, of_t.clone())).await;
    cell.restart().await;
    let mut expected = [of_s, of_t].concat();
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    let stamps: Vec<u32> = expected.iter().map(|row| row.stamp).collect();
    assert_eq!(stamps, [2, 3, 6, 4, 5, 1, 1], "priority, time, shard");
    assert_eq!(all(&cell).await, expected);
    let mut paged: Vec<WaitingRow> = Vec::new();
    loop {
        let after = paged.last().map(|row| &row.key);
        let left = cell.shards().waiting_count(&queue("queue"), after, 100).await.expect("count");
        assert_eq!(left as usize, expected.len() - paged.len());
        let page = cell.shards().waiting(&queue("queue"), after, 2).await.expect("waiting");
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, expected);
    assert_eq!(cell.shards().waiting_count(&queue("queue"), None, 3).await.expect("count"), 3, "bounded");
}

pub(super) async fn queues_do_not_see_each_other(cell: Cell) {
    let owner = cell.own(S).await;
    let other = |queue| WaitingRow { queue, ..task(S, 1, 3, 1) };
    let rows: Vec<WaitingRow> = [
        queue("queue"),
        queue("queu"),
        queue("queue "),
        WaitingQueue { kind: WaitingKind::Activity, ..queue("queue") },
        WaitingQueue { namespace_id: Uuid::from_u128(8), ..queue("queue") },
    ]
    .map(other)
    .into();
    cell.save(slice(&owner, rows.clone())).await;
    for row in rows {
        let found = cell.shards().waiting(&row.queue, None, 9).await.expect("waiting");
        assert_eq!(found, std::slice::from_ref(&row));
    }
    assert_eq!(cell.shards().waiting(&queue(""), None, 9).await.expect("waiting"), []);
}

pub(super) async fn rows_are_replaced_with_their_run_and_go_with_it(cell: Cell) {
    let owner = cell.own(S).await;
    let workflow_task = task(S, 1, 3, 1);
    let mut activity = WaitingRow { queue: queue("queue"), ..task(S, 1, 3, 2) };
    activity.key.scheduled_event_id = 5;
    let mut first = slice(&owner, vec![workflow_task, task(S, 2, 3, 3), task(S, 3, 3, 4)]);
    first.waiting.push(activity.clone());
    cell.save(first).await;
    assert_eq!(all(&cell).await.len(), 4);
    // The workflow task was started, the activity's next attempt waits.
    activity.stamp += 1;
    cell.save(slice(&owner, vec![activity.clone()])).await;
    assert_eq!(all(&cell).await, [activity.clone(), task(S, 2, 3, 3), task(S, 3, 3, 4)]);
    // Nothing of the second waits any more; the third is deleted.
    let entities = vec![entity(&run_key("workflow", 2), "snapshot")];
    let deleted = vec![run_key("workflow", 3)];
    cell.save(Checkpoint { entities, deleted, ..owner.slice() }).await;
    assert_eq!(all(&cell).await, [activity]);
}

pub(super) async fn a_stale_checkpoint_leaves_them_alone(cell: Cell) {
    let stale = cell.own(S).await;
    let owner = cell.own(S).await;
    let row = task(S, 1, 3, 1);
    cell.save(slice(&owner, vec![row.clone()])).await;
    let late = slice(&stale, vec![WaitingRow { stamp: 9, ..row.clone() }, task(S, 2, 3, 1)]);
    assert_eq!(cell.checkpoint(&late).await, AppendOutcome::Superseded);
    let gone = Checkpoint { deleted: vec![run_of(&row)], ..stale.slice() };
    assert_eq!(cell.checkpoint(&gone).await, AppendOutcome::Superseded);
    assert_eq!(all(&cell).await, [row]);
}

pub(super) async fn the_same_run_name_in_two_shards_is_two_runs(cell: Cell) {
    let (s, t) = (cell.own(S).await, cell.own(T).await);
    cell.save(slice(&s, vec![task(S, 1, 3, 1)])).await;
    cell.save(slice(&t, vec![task(T, 1, 3, 1)])).await;
    cell.save(Checkpoint { deleted: vec![run_key("workflow", 1)], ..s.slice() }).await;
    assert_eq!(all(&cell).await, [task(T, 1, 3, 1)]);
}
