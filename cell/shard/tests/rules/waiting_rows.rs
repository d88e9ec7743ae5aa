//! Rows of waiting tasks: a checkpoint writes those that came, changed or went, and whatever fails, those stand that
//! the runs derive.

mod trial;

use crate::fixture::*;
use cell_engine::Run;
use cell_engine::commands::*;
use cell_shard::Target;
use cell_store::fault::{Call, Fault};
use cell_store::{ShardId, StoreError, WaitingRow};

const SHARD: ShardId = ShardId(0);
/// SCHEDULED event of the first activity.
const FIRST: i64 = 5;

async fn look<R>(cell: &Cell, id: &str, look: impl FnOnce(&Run) -> R) -> R {
    let run = cell.runtime.read(&current(id), |view| view.run.map(look)).await.unwrap();
    run.expect("it was started")
}

/// Every waiting task that stands in the table, and what these runs derive.
async fn tables(cell: &Cell, ids: &[String]) -> (Vec<WaitingRow>, Vec<WaitingRow>) {
    let found = standing(&*cell.engine(), &cell.ledger.queues(), SHARD).await.unwrap();
    let mut derived = Vec::new();
    for id in ids {
        derived.extend(look(cell, id, |run| rows_of(SHARD, run)).await);
    }
    derived.sort_by(|a, b| a.key.cmp(&b.key));
    (found, derived)
}

async fn begin(cell: &Cell, id: &str, scheduled_event_id: i64, stamp: u32) -> ActivityRef {
    let take = RecordActivityStarted { scheduled_event_id, stamp, ..Default::default() };
    let started = cell.run(id, take).await.unwrap();
    ActivityRef::Token { scheduled_event_id, attempt: started.attempt, nonce: started.nonce }
}

fn failed(activity: ActivityRef) -> RespondActivityFailed {
    RespondActivityFailed { activity, failure: None, identity: String::new(), last_heartbeat_details: None }
}

fn completed(activity: ActivityRef) -> RespondActivityCompleted {
    RespondActivityCompleted { activity, result: None, identity: String::new() }
}

fn away() -> StoreError {
    StoreError::Unavailable("away".into())
}

/// Does what is due; when it returns everything that these runs know is durable.
async fn settle(cell: &Cell, ids: &[String]) {
    cell.runtime.wake_all_due().await;
    for id in ids {
        look(cell, id, |_| ()).await;
    }
}

/// Takes a checkpoint; answers how many rows it touched: of entities, and of waiting tasks.
async fn checkpoint(cell: &Cell) -> (usize, usize) {
    let before = cell.ledger.touched();
    cell.runtime.checkpoint_all().await.unwrap();
    let after = cell.ledger.touched();
    (after.entities - before.entities, after.waiting - before.waiting)
}

async fn start_large(cell: &Cell, id: &str, activities: i64) {
    cell.run(id, start()).await.unwrap();
    cell.work(id, (0..activities).map(|n| activity(&n.to_string(), 600)).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_after_a_step_touches_few_rows_however_many_tasks_wait() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 2_000).await;
    let (_, first) = checkpoint(&cell).await;
    assert_eq!(first, 2_000);
    let check = async |cell: &Cell, step: &str, most_waiting: usize| {
        let (entities, waiting) = checkpoint(cell).await;
        println!("after {step}: {waiting} rows of waiting tasks and {entities} others");
        assert!(waiting <= most_waiting && entities <= 3, "{step}: {waiting} and {entities} rows");
        let (found, derived) = tables(cell, std::slice::from_ref(&id)).await;
        assert!(found == derived && found.len() > 1_900, "{step}: another table");
    };
    let activity = begin(&cell, &id, FIRST + 700, 0).await;
    check(&cell, "an activity start", 1).await;
    cell.run(&id, failed(activity)).await.unwrap();
    check(&cell, "an attempt that is to be repeated", 0).await;
    cell.clock.step(2 * SECOND);
    settle(&cell, std::slice::from_ref(&id)).await;
    check(&cell, "the next attempt", 1).await;
    cell.run(&id, signal("s")).await.unwrap();
    check(&cell, "a signal", 1).await;
    let activity = begin(&cell, &id, FIRST + 701, 0).await;
    cell.run(&id, completed(activity)).await.unwrap();
    check(&cell, "an activity start and its end", 1).await;
    begin(&cell, &id, FIRST + 702, 0).await;
    disk.crash(0);
    let again = cell.another().await;
    check(&again, "a takeover", 1).await;
    check(&again, "nothing", 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_came_and_went_between_two_checkpoints_is_no_row() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 30).await;
    for n in 0..30 {
        let activity = begin(&cell, &id, FIRST + n, 0).await;
        cell.run(&id, completed(activity)).await.unwrap();
    }
    assert_eq!(checkpoint(&cell).await.1, 1, "the workflow task");
    cell.work(&id, vec![activity("one more", 600)]).await;
    assert_eq!(checkpoint(&cell).await.1, 2, "the workflow task goes, an activity comes");
    cell.run(&id, terminate()).await.unwrap();
    assert_eq!(checkpoint(&cell).await.1, 1);
    assert_eq!(tables(&cell, &[id]).await, (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn rows_go_with_a_run_that_expires() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 40).await;
    checkpoint(&cell).await;
    let run_id = look(&cell, &id, Run::run_id).await;
    cell.run(&id, terminate()).await.unwrap();
    // What the close did to the rows is not written when the run is deleted.
    cell.clock.step(RETENTION + 3_600 * SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| !out.deleted().is_empty()).await;
    assert_eq!(tables(&cell, &[]).await.0.len(), 40);
    checkpoint(&cell).await;
    assert_eq!(tables(&cell, &[]).await.0, []);
    let target = Target::run(NAMESPACE, id.as_str(), run_id);
    assert!(!cell.runtime.read(&target, |view| view.run.is_some()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_difference_survives_a_checkpoint_of_which_nobody_hears() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 10).await;
    checkpoint(&cell).await;
    for fault in [Fault::Before(away()), Fault::After(away())] {
        let activity = begin(&cell, &id, FIRST + 3, stamp_of(&cell, &id, FIRST + 3).await).await;
        cell.store.script(Call::Checkpoint, fault);
        cell.runtime.checkpoint_all().await.unwrap_err();
        // It waits again, as another attempt of that task.
        cell.run(&id, RevokeActivityStart(activity)).await.unwrap();
        assert_eq!(checkpoint(&cell).await.1, 1);
        let (found, derived) = tables(&cell, std::slice::from_ref(&id)).await;
        assert_eq!((found.len(), &found), (10, &derived));
    }
    begin(&cell, &id, FIRST + 4, 0).await;
    cell.store.script(Call::Checkpoint, Fault::Before(away()));
    cell.runtime.checkpoint_all().await.unwrap_err();
    let again = cell.another().await;
    let stale = cell.runtime.checkpoint_all().await;
    assert!(stale.is_err(), "{stale:?}");
    assert_eq!(tables(&again, &[]).await.0.len(), 10, "the tail has it");
    assert_eq!(checkpoint(&again).await.1, 1);
    let (found, derived) = tables(&again, std::slice::from_ref(&id)).await;
    assert_eq!((found.len(), &found), (9, &derived));
}

async fn stamp_of(cell: &Cell, id: &str, scheduled_event_id: i64) -> u32 {
    let rows = look(cell, id, |run| rows_of(SHARD, run)).await;
    rows.iter().find(|row| row.key.scheduled_event_id == scheduled_event_id).expect("it waits").stamp
}
