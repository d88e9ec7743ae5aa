//! Tasks that wait for a worker.

use super::crash::{POLLS, abandon};
use super::fixture::*;
use crate::types::*;
use crate::waiting::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

fn queue(name: &str) -> WaitingQueue {
    WaitingQueue { namespace_id: Uuid::from_u128(7), task_type: WaitingType::Workflow, name: name.into() }
}

/// A task of run `n`.
fn task(shard: ShardId, n: u128, priority: u8, scheduled_at_ms: i64) -> WaitingRow {
    let run = run_key("workflow", n);
    let key = WaitingKey {
        priority,
        scheduled_at_ms,
        shard,
        entity_kind: run.kind,
        id: Arc::clone(&run.id),
        run_id: run.run_id,
        scheduled_event_id: 2,
    };
    WaitingRow { queue: queue("queue"), key, stamp: n as u32 }
}

/// A slice that writes entities with their tasks.
fn slice(owner: &Owner, waiting: Vec<WaitingRow>) -> Checkpoint {
    let keys: BTreeSet<EntityKey> = waiting.iter().map(WaitingRow::entity).collect();
    let entities = keys.iter().map(|key| entity(key, "snapshot")).collect();
    Checkpoint { entities, waiting, ..owner.slice() }
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
    let queues = [
        queue("queue"),
        queue("queu"),
        queue("queue "),
        WaitingQueue { task_type: WaitingType::Activity, ..queue("queue") },
        WaitingQueue { namespace_id: Uuid::from_u128(8), ..queue("queue") },
    ];
    let row = |(n, queue)| WaitingRow { queue, ..task(S, n, 3, 1) };
    let rows: Vec<WaitingRow> = (1..).zip(queues).map(row).collect();
    cell.save(slice(&owner, rows.clone())).await;
    for row in rows {
        let found = cell.shards().waiting(&row.queue, None, 9).await.expect("waiting");
        assert_eq!(found, std::slice::from_ref(&row));
    }
    assert_eq!(cell.shards().waiting(&queue(""), None, 9).await.expect("waiting"), []);
}

/// Another task of the run: an activity, in the queue of its name.
fn activity(of: &WaitingRow, scheduled_event_id: i64) -> WaitingRow {
    let queue = WaitingQueue { task_type: WaitingType::Activity, ..of.queue.clone() };
    WaitingRow { queue, key: WaitingKey { scheduled_event_id, ..of.key.clone() }, stamp: 0 }
}

async fn activities(cell: &Cell) -> Vec<WaitingRow> {
    let queue = WaitingQueue { task_type: WaitingType::Activity, ..queue("queue") };
    cell.shards().waiting(&queue, None, usize::MAX).await.expect("waiting")
}

pub(super) async fn a_write_changes_only_the_tasks_it_names(cell: Cell) {
    let owner = cell.own(S).await;
    let workflow_task = task(S, 1, 3, 1);
    let [same, done, next] = [2, 5, 6].map(|id| activity(&workflow_task, id));
    let rows = vec![workflow_task.clone(), same.clone(), done.clone(), next.clone(), task(S, 2, 3, 3)];
    cell.save(slice(&owner, rows)).await;
    // Its run is written and nothing of what waits has changed.
    let entities = vec![entity(&workflow_task.entity(), "later")];
    cell.save(Checkpoint { entities: entities.clone(), ..owner.slice() }).await;
    assert_eq!(all(&cell).await, [workflow_task.clone(), task(S, 2, 3, 3)]);
    assert_eq!(activities(&cell).await, [same.clone(), done.clone(), next.clone()]);
    // The workflow task was started, as an activity was; another one's next attempt waits.
    let next = WaitingRow { stamp: 7, ..next };
    let run = workflow_task.entity();
    let never = WaitingTask { task_type: WaitingType::Workflow, scheduled_event_id: 5 };
    let waiting_done = vec![(run.clone(), workflow_task.task()), (run.clone(), done.task()), (run, never)];
    cell.save(Checkpoint { entities, waiting: vec![next.clone()], waiting_done, ..owner.slice() }).await;
    assert_eq!(all(&cell).await, [task(S, 2, 3, 3)]);
    assert_eq!(activities(&cell).await, [same, next]);
}

pub(super) async fn a_task_stands_in_one_place(cell: Cell) {
    let owner = cell.own(S).await;
    let first = task(S, 1, 3, 1);
    cell.save(slice(&owner, vec![first.clone()])).await;
    let mut later = first.clone();
    (later.key.scheduled_at_ms, later.key.priority, later.stamp) = (90, 1, 2);
    cell.save(slice(&owner, vec![later.clone(), later.clone()])).await;
    assert_eq!(all(&cell).await, [later.clone()], "the next attempt, and only that");
    let elsewhere = WaitingRow { queue: queue("other"), ..later.clone() };
    cell.save(slice(&owner, vec![elsewhere.clone()])).await;
    assert_eq!(all(&cell).await, []);
    let others = cell.shards().waiting(&queue("other"), None, 9).await.expect("waiting");
    assert_eq!(others, [elsewhere]);
    // Removals come first: the task waits again.
    let waiting_done = vec![(first.entity(), first.task())];
    cell.save(Checkpoint { waiting_done, ..slice(&owner, vec![first.clone()]) }).await;
    assert_eq!(all(&cell).await, [first]);
}

pub(super) async fn tasks_go_with_their_run_and_no_other(cell: Cell) {
    let owner = cell.own(S).await;
    let (kept, gone) = (task(S, 1, 3, 1), task(S, 2, 3, 3));
    let rows = vec![kept.clone(), gone.clone(), activity(&kept, 5), activity(&gone, 5), activity(&gone, 6)];
    cell.save(slice(&owner, rows)).await;
    let current = EntityKey { kind: EntityKind::CURRENT_RUN, ..kept.entity() };
    cell.save(Checkpoint { deleted: vec![gone.entity(), current], ..owner.slice() }).await;
    assert_eq!(all(&cell).await, std::slice::from_ref(&kept));
    assert_eq!(activities(&cell).await, [activity(&kept, 5)]);
}

pub(super) async fn they_change_with_their_run_or_not_at_all(mut cell: Cell) {
    for polls in POLLS {
        let owner = cell.own(S).await;
        let (old, new) = (task(S, u128::from(polls), 3, 1), task(S, u128::from(polls), 3, 2));
        cell.save(slice(&owner, vec![old.clone(), activity(&old, 5)])).await;
        let run = old.entity();
        let change = Checkpoint {
            entities: vec![entity(&run, "later")],
            waiting: vec![new.clone()],
            waiting_done: vec![(run.clone(), activity(&old, 5).task())],
            ..owner.slice()
        };
        let answer = abandon(polls, cell.shards().checkpoint(&change)).await;
        cell.restart().await;
        let changed = cell.load(S, &run).await == Some(entity(&run, "later"));
        assert!(changed || answer.is_none(), "an answered slice is durable");
        let expected =
            if changed { (vec![new], vec![]) } else { (vec![old.clone()], vec![activity(&old, 5)]) };
        assert_eq!((all(&cell).await, activities(&cell).await), expected);
        let owner = cell.own(S).await;
        cell.save(Checkpoint { deleted: vec![run], ..owner.slice() }).await;
    }
}

pub(super) async fn a_stale_checkpoint_leaves_them_alone(cell: Cell) {
    let stale = cell.own(S).await;
    let owner = cell.own(S).await;
    let row = task(S, 1, 3, 1);
    cell.save(slice(&owner, vec![row.clone()])).await;
    let late = slice(&stale, vec![WaitingRow { stamp: 9, ..row.clone() }, task(S, 2, 3, 1)]);
    assert_eq!(cell.checkpoint(&late).await, AppendOutcome::Superseded);
    let gone = Checkpoint { deleted: vec![row.entity()], ..stale.slice() };
    assert_eq!(cell.checkpoint(&gone).await, AppendOutcome::Superseded);
    let done = Checkpoint { waiting_done: vec![(row.entity(), row.task())], ..stale.slice() };
    assert_eq!(cell.checkpoint(&done).await, AppendOutcome::Superseded);
    assert_eq!(all(&cell).await, [row]);
}

pub(super) async fn entities_of_two_kinds_and_the_same_ids_keep_their_tasks_apart(mut cell: Cell) {
    let owner = cell.own(S).await;
    let of_run = task(S, 1, 3, 1);
    // Of a kind that no store knows, with everything else alike: its queue and time, too.
    let of_kind = |number, row: &WaitingRow| {
        let key = WaitingKey { entity_kind: EntityKind::numbered(number), ..row.key.clone() };
        WaitingRow { key, stamp: u32::from(number), ..row.clone() }
    };
    let (before, behind) = (of_kind(1, &of_run), of_kind(200, &of_run));
    let rows = vec![behind.clone(), of_run.clone(), before.clone(), activity(&of_run, 5)];
    cell.save(slice(&owner, rows)).await;
    cell.restart().await;
    assert_eq!(
        all(&cell).await,
        [before.clone(), of_run.clone(), behind.clone()],
        "in the order of their kinds"
    );
    let count = cell.shards().waiting_count(&queue("queue"), Some(&of_run.key), 9).await.expect("count");
    assert_eq!(count, 1, "behind the run's");
    // One moves, and one is done: neither is the other's.
    let owner = cell.own(S).await;
    let mut later = behind.clone();
    (later.key.scheduled_at_ms, later.stamp) = (2, 7);
    let waiting_done = vec![(before.entity(), before.task()), (behind.entity(), activity(&of_run, 5).task())];
    cell.save(Checkpoint { waiting_done, ..slice(&owner, vec![later.clone()]) }).await;
    assert_eq!(all(&cell).await, [of_run.clone(), later.clone()]);
    assert_eq!(activities(&cell).await, [activity(&of_run, 5)]);
    cell.save(Checkpoint { deleted: vec![of_run.entity()], ..owner.slice() }).await;
    assert_eq!(all(&cell).await, std::slice::from_ref(&later), "they go with their entity and no other");
    assert_eq!(activities(&cell).await, []);
    cell.save(Checkpoint { deleted: vec![later.entity()], ..owner.slice() }).await;
    assert_eq!(all(&cell).await, []);
}

pub(super) async fn the_same_run_name_in_two_shards_is_two_runs(cell: Cell) {
    let (s, t) = (cell.own(S).await, cell.own(T).await);
    cell.save(slice(&s, vec![task(S, 1, 3, 1)])).await;
    cell.save(slice(&t, vec![task(T, 1, 3, 1)])).await;
    cell.save(Checkpoint { deleted: vec![run_key("workflow", 1)], ..s.slice() }).await;
    assert_eq!(all(&cell).await, [task(T, 1, 3, 1)]);
}
