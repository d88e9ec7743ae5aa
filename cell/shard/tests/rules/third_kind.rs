//! A kind of entity that the shard knows nothing of but its line in the registry lives as workflows do.

use crate::fixture::*;
use cell_engine::{Command, EffectKey, Grace, PendingKind, Rejection, Singleton, Time, Undelivered, Woken};
use cell_shard::{ShardConfig, ShardError};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{ShardId, WaitingQueue, WaitingRow, WaitingType};
use futures::FutureExt;

const DAY: i64 = 24 * 3_600 * SECOND;

/// The notes of an alarm, if there is one.
async fn notes(cell: &Cell, id: &str) -> Option<Vec<String>> {
    cell.runtime
        .read(&alarm(id), |view| view.entity.map(|alarm| alarm.notes.clone()))
        .await
        .expect("readable")
}

async fn ask(cell: &Cell, id: &str, command: impl Command<Family = Singleton<Alarm>, Reply = ()>) {
    cell.runtime.execute(&alarm(id), command).await.expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn it_is_woken_written_let_go_of_and_loaded() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let id = id_on(0, 0);
    assert_eq!(notes(&cell, &id).await, None);
    ask(&cell, &id, Set(Time(START + 10 * SECOND), "set")).await;
    // Under the same id a workflow runs, which knows nothing of the alarm.
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    let loads = cell.store.calls(Call::Load);
    assert_eq!(notes(&cell, &id).await.unwrap(), ["set"]);
    assert_eq!(cell.store.calls(Call::Load) - loads, 1);
    cell.runtime.checkpoint_all().await.unwrap();
    cell.clock.step(11 * SECOND);
    assert_eq!(cell.runtime.wake_all_due().await, 1, "its place in the index outlives it");
    assert_eq!(notes(&cell, &id).await.unwrap(), ["set", "it rang"]);
    assert_eq!(cell.history(&id, 1, i64::MAX).await.len(), 2, "the workflow is none the wiser");
}

#[tokio::test(start_paused = true)]
async fn its_tasks_wait_in_the_store_under_its_own_name() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let id = id_on(0, 0);
    // Under the same id a workflow runs, whose task waits, too.
    cell.run(&id, start()).await.unwrap();
    ask(&cell, &id, Set(Time(START + 10 * SECOND), "set")).await;
    ask(&cell, &id, Page("pages")).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0, "who only waits for a worker need not be in memory");
    let cell = cell.another().await;
    let pages =
        WaitingQueue { namespace_id: NAMESPACE, task_type: WaitingType::Activity, name: "pages".into() };
    let rows = cell.runtime.waiting(&pages, None, 9).await.unwrap();
    assert_eq!(rows.iter().map(WaitingRow::entity).collect::<Vec<_>>(), [alarm(&id).key()]);
    cell.clock.step(11 * SECOND);
    cell.runtime.wake_all_due().await;
    assert_eq!(notes(&cell, &id).await.unwrap(), ["set", "it rang"]);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.waiting(&pages, None, 9).await.unwrap(), [], "nobody is paged any more");
    assert_eq!(cell.waiting().await.len(), 1, "the workflow is none the wiser");
}

#[tokio::test(start_paused = true)]
async fn it_is_there_after_a_crash_from_rows_and_from_the_log() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let (written, logged) = (id_on(0, 0), id_on(0, 1));
    ask(&cell, &written, Set(Time(START + 10 * SECOND), "set")).await;
    cell.runtime.checkpoint_all().await.unwrap();
    ask(&cell, &written, Set(Time(START + 20 * SECOND), "set anew")).await;
    ask(&cell, &logged, Set(Time(START + 20 * SECOND), "set")).await;
    disk.crash(0);
    let cell = cell.another().await;
    assert_eq!(notes(&cell, &written).await.unwrap(), ["set", "set anew"]);
    cell.clock.step(15 * SECOND);
    cell.runtime.wake_all_due().await;
    assert_eq!(notes(&cell, &written).await.unwrap(), ["set", "set anew"], "not yet");
    cell.clock.step(15 * SECOND);
    cell.runtime.wake_all_due().await;
    for id in [&written, &logged] {
        assert_eq!(notes(&cell, id).await.unwrap().last().unwrap(), "it rang");
    }
    let cell = cell.another().await;
    assert_eq!(notes(&cell, &logged).await.unwrap(), ["set", "it rang"]);
}

#[tokio::test(start_paused = true)]
async fn retention_deletes_it_and_its_id_is_free_again() {
    for written_before in [true, false] {
        let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
        let id = id_on(0, 0);
        for text in ["one", "two", "three"] {
            ask(&cell, &id, Set(Time(START + SECOND), text)).await;
        }
        if written_before {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        cell.clock.step(2 * SECOND);
        cell.runtime.wake_all_due().await;
        assert_eq!(notes(&cell, &id).await.unwrap().len(), 4);
        cell.runtime.checkpoint_all().await.unwrap();
        cell.clock.step(RETENTION + DAY);
        cell.runtime.turn_hours_all().await.unwrap();
        assert_eq!(notes(&cell, &id).await, None);
        // The rows of the first alarm of the name still stand; the second has fewer chunks.
        ask(&cell, &id, Set(Time(i64::MAX), "a new life")).await;
        cell.runtime.checkpoint_all().await.unwrap();
        assert_eq!(cell.runtime.resident_ids(), 0);
        assert_eq!(notes(&cell, &id).await.unwrap(), ["a new life"]);
        let stored =
            cell.engine().load(&[(ShardId(0), alarm(&id).key())], usize::MAX).await.unwrap().remove(0);
        assert_eq!(stored.expect("stored").chunks.len(), 1, "nothing is left of the first");
        let cell = cell.another().await;
        assert_eq!(notes(&cell, &id).await.unwrap(), ["a new life"]);
    }
}

#[tokio::test(start_paused = true)]
async fn its_id_is_free_again_though_rows_of_before_cannot_be_removed() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let id = id_on(0, 0);
    for text in ["one", "two", "three"] {
        ask(&cell, &id, Set(Time(START + SECOND), text)).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.clock.step(2 * SECOND);
    cell.runtime.wake_all_due().await;
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.damage([alarm(&id).key()]);
    cell.clock.step(RETENTION + DAY);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(notes(&cell, &id).await, None);
    cell.runtime.checkpoint_all().await.unwrap();
    // It comes again, and its rows cannot be written either, while another's can.
    ask(&cell, &id, Set(Time(i64::MAX), "a new life")).await;
    cell.run(&id_on(0, 1), start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.quarantined(None, 9).1, 1);
    let cell = cell.another().await;
    assert_eq!(notes(&cell, &id).await.unwrap(), ["a new life"], "from the log");
    cell.run(&id_on(0, 1), signal("s")).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.damage([]);
    let cell = cell.another().await;
    assert_eq!(notes(&cell, &id).await.unwrap(), ["a new life"], "still");
    cell.runtime.checkpoint_all().await.unwrap();
    let stored = cell.engine().load(&[(ShardId(0), alarm(&id).key())], usize::MAX).await.unwrap().remove(0);
    assert_eq!(stored.expect("stored").chunks.len(), 1, "nothing is left of the first");
    assert_eq!(notes(&cell.another().await, &id).await.unwrap(), ["a new life"]);
}

/// It comes again while a checkpoint is on its way, whose writes are held one after the other; then all memory is lost.
#[tokio::test(start_paused = true)]
async fn what_it_was_before_its_deletion_stays_gone_whenever_it_comes_again() {
    let mut met = 0;
    for held in 0..6 {
        let (cell, disk) = Cell::on_disk(config()).await;
        let id = id_on(0, 0);
        ask(&cell, &id, Set(Time(START + SECOND), "before")).await;
        cell.clock.step(2 * SECOND);
        cell.runtime.wake_all_due().await;
        cell.runtime.checkpoint_all().await.unwrap();
        cell.clock.step(RETENTION + DAY);
        cell.runtime.turn_hours_all().await.unwrap();
        assert_eq!(notes(&cell, &id).await, None);
        cell.run(&id_on(0, 1), start()).await.unwrap();
        let gate = Gate::new();
        for _ in 0..held {
            cell.store.script(Call::Checkpoint, Fault::None);
        }
        cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
        let mut checkpoint = Box::pin(cell.runtime.checkpoint_all());
        let arrived = tokio::select! {
            biased;
            () = gate.arrived() => true,
            done = &mut checkpoint => done.map(|()| false).unwrap(),
        };
        ask(&cell, &id, Set(Time(i64::MAX), "a new life")).await;
        gate.open();
        if arrived {
            checkpoint.await.unwrap();
            met += 1;
        }
        disk.crash(0);
        let cell = cell.another().await;
        assert_eq!(notes(&cell, &id).await.unwrap(), ["a new life"], "held at write {held}");
    }
    assert!(met > 2, "{met} writes");
}

/// The slice that shows it as it was is on its way when it is deleted and comes again.
#[tokio::test(start_paused = true)]
async fn what_was_written_of_it_before_its_deletion_does_not_make_its_next_life_clean() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let id = id_on(0, 0);
    for text in ["one", "two", "three"] {
        ask(&cell, &id, Set(Time(START + SECOND), text)).await;
    }
    cell.clock.step(2 * SECOND);
    cell.runtime.wake_all_due().await;
    let gate = Gate::new();
    cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
    let mut checkpoint = Box::pin(cell.runtime.checkpoint_all());
    tokio::select! {
        biased;
        () = gate.arrived() => {}
        done = &mut checkpoint => panic!("nothing was held: {done:?}"),
    }
    cell.clock.step(RETENTION + DAY);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(notes(&cell, &id).await, None);
    ask(&cell, &id, Set(Time(i64::MAX), "a new life")).await;
    gate.open();
    checkpoint.await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let stored = cell.engine().load(&[(ShardId(0), alarm(&id).key())], usize::MAX).await.unwrap().remove(0);
    assert_eq!(stored.expect("stored").chunks.len(), 1, "nothing is left of the first");
    assert_eq!(notes(&cell.another().await, &id).await.unwrap(), ["a new life"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_knows_nothing_but_its_name_asks_and_tells_it() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    ask(&cell, &id, Set(Time(START + 10 * SECOND), "set")).await;
    ask(&cell, &id, Page("pages")).await;
    let (key, page) = (alarm(&id).key(), EffectKey::Pending(PendingKind::Activity, 1));
    let wanted = cell.runtime.effect(&key, page).await.unwrap();
    assert_eq!(wanted.map(|effect| effect.key), Some(page));
    assert_eq!(cell.runtime.effect(&key, EffectKey::Listener(0)).await.unwrap(), None);
    let nobody = alarm(&id_on(0, 1)).key();
    assert_eq!(cell.runtime.effect(&nobody, page).await.unwrap(), None);
    cell.clock.step(11 * SECOND);
    cell.runtime.tell(&key, Woken { grace: Grace::NONE }).await.unwrap();
    assert_eq!(notes(&cell, &id).await.unwrap(), ["set", "it rang"]);
    assert_eq!(cell.runtime.effect(&key, page).await.unwrap(), None);
    let refused = cell.runtime.tell(&key, Undelivered(page)).await;
    assert!(matches!(refused, Err(ShardError::Rejected(Rejection::Unimplemented(_)))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_hears_of_a_wish_that_may_yet_be_lost() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    ask(&cell, &id, Set(Time(START + 10 * SECOND), "set")).await;
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let (key, page) = (alarm(&id).key(), EffectKey::Pending(PendingKind::Activity, 1));
    let at = alarm(&id);
    let mut paged = Box::pin(cell.runtime.execute(&at, Page("pages")));
    assert!((&mut paged).now_or_never().is_none());
    let mut asked = Box::pin(cell.runtime.effect(&key, page));
    assert!((&mut asked).now_or_never().is_none());
    gate.open();
    assert!(asked.await.unwrap().is_some());
    paged.await.unwrap();
}
