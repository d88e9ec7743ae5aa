//! What the engine failed on is listed, tried again and deleted by operators.

use crate::fixture::*;
use atoll_internal_api::usage::v1::StorageClass;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use cell_engine::Time;
use cell_shard::{ShardConfig, ShardError, Target};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{EntityKey, ShardId, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A workflow that is kept aside, with its current-run record, and one that is well.
async fn cell_with_one_aside() -> (Cell, String, String) {
    let cell = Cell::new().await;
    let (bad, good) = (id_on(0, 0), id_on(0, 1));
    for id in [&bad, &good] {
        cell.run(id, start()).await.unwrap();
    }
    cell.run(&bad, PanicInApply).await.unwrap_err();
    (cell, bad, good)
}

pub(crate) fn aside(cell: &Cell) -> Vec<EntityKey> {
    cell.runtime.quarantined(None, usize::MAX).0.into_iter().map(|aside| aside.key).collect()
}

#[tokio::test(start_paused = true)]
async fn listed_with_reason_moment_and_place() {
    let (cell, bad, _) = cell_with_one_aside().await;
    let (all, count) = cell.runtime.quarantined(None, usize::MAX);
    assert_eq!((all.len(), count), (2, 2), "the run and its record: {all:?}");
    for one in &all {
        assert_eq!((one.shard, &*one.key.id, one.since.0), (ShardId(0), bad.as_str(), START));
        assert!(!one.why.is_empty());
        assert_eq!(one.needs_log_from, Some(3), "ownership, the first seal, then its start");
        assert_eq!(cell.runtime.show_quarantined(&one.key).await.unwrap(), (one.clone(), None));
    }
    assert_eq!(cell.runtime.quarantined(None, 1), (all[..1].to_vec(), 2));
    assert_eq!(cell.runtime.quarantined(Some("other"), 9), (vec![], 0));
    assert_eq!(cell.runtime.quarantined(Some(&bad), 9).1, 2);
}

#[tokio::test(start_paused = true)]
async fn what_works_when_it_is_tried_again_is_served() {
    let (cell, bad, good) = cell_with_one_aside().await;
    cell.run(&good, signal("before")).await.unwrap();
    assert!(cell.runtime.retry_quarantined(&aside(&cell)[0]).await.unwrap(), "the record never was");
    assert_eq!(aside(&cell), [], "everything of the shard was tried again");
    cell.run(&bad, signal("s")).await.unwrap();
    assert_eq!(cell.signals(&bad).await, ["s"]);
    assert_eq!(cell.signals(&good).await, ["before"]);
    assert_eq!(cell.runtime.problems(), Vec::<String>::new(), "that is no failure");
    cell.runtime.checkpoint_all().await.unwrap();
    let last = cell.ledger.rows(ShardId(0)).last().unwrap().seq;
    assert_eq!(cell.ledger.advanced(ShardId(0)), last, "nothing holds the trim any more");
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_served_again_also_where_its_operator_leaves_in_the_middle() {
    let (cell, _, good) = cell_with_one_aside().await;
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let key = aside(&cell).remove(0);
    tokio::select! {
        biased;
        retried = cell.runtime.retry_quarantined(&key) => panic!("not taken over yet: {retried:?}"),
        () = gate.arrived() => {}
    }
    gate.open();
    let mut served = cell.run(&good, signal("after")).await;
    for _ in 0..100 {
        if served.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        served = cell.run(&good, signal("after")).await;
    }
    served.expect("it is served");
    assert_eq!(aside(&cell), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_gone_and_its_id_is_free() {
    for stored in [false, true] {
        let cell = Cell::new().await;
        let (bad, good) = (id_on(0, 0), id_on(0, 1));
        for id in [&bad, &good] {
            cell.run(id, start()).await.unwrap();
        }
        if stored {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        cell.run(&bad, PanicInApply).await.unwrap_err();
        for key in aside(&cell) {
            cell.runtime.drop_quarantined(&key).await.unwrap();
        }
        assert_eq!(aside(&cell), []);
        assert!(cell.runtime.read(&current(&bad), |view| view.run.is_none()).await.unwrap());
        cell.run(&bad, start()).await.expect("the id is free");
        assert_eq!(cell.history(&good, 1, i64::MAX).await.len(), 2);
        cell.runtime.checkpoint_all().await.unwrap();
        let last = cell.ledger.rows(ShardId(0)).last().unwrap().seq;
        assert_eq!(cell.ledger.advanced(ShardId(0)), last, "nothing holds the trim any more");
        let again = cell.another().await;
        assert_eq!(aside(&again), []);
        assert_eq!(again.history(&bad, 1, i64::MAX).await.len(), 2, "stored: {stored}");
    }
}

/// History bytes that are billed for everything on the first shard, by class of storage.
pub(crate) fn billed(cell: &Cell) -> BTreeMap<StorageClass, i64> {
    let mut billed = BTreeMap::new();
    for record in cell.ledger.records(ShardId(0)) {
        let entries = record.transitions.iter().flat_map(|transition| &transition.usage).chain(&record.usage);
        for entry in entries {
            if let Some(Kind::Storage(delta)) = &entry.kind {
                *billed.entry(delta.class()).or_default() += delta.bytes;
            }
        }
    }
    billed
}

#[tokio::test(start_paused = true)]
async fn nothing_is_billed_any_more_for_what_is_deleted() {
    for case in 0..8 {
        let (stored, closed, kept) = (case & 1 > 0, case & 2 > 0, case & 4 > 0);
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.run(&id, start_with(100)).await.unwrap();
        if stored {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        // Steps that its snapshot lacks.
        cell.run(&id, signal_with("s", 1_000)).await.unwrap();
        if closed {
            cell.run(&id, terminate()).await.unwrap();
        }
        cell.run(&id, PanicInApply).await.unwrap_err();
        if kept {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        assert!(billed(&cell).values().sum::<i64>() > 1_000);
        cell.clock.step(SECOND);
        for key in aside(&cell) {
            cell.runtime.drop_quarantined(&key).await.unwrap();
        }
        let usage = cell.ledger.records(ShardId(0)).into_iter().flat_map(|record| record.usage);
        assert!(usage.last().is_some_and(|removed| removed.at_ms == cell.clock.millis()), "until now");
        assert!(
            billed(&cell).values().all(|bytes| *bytes == 0),
            "stored: {stored}, closed: {closed}, kept: {kept}: {:?}",
            billed(&cell)
        );
    }
}

/// A cell with three runs that are stored and in no memory, and their ids in the order of their names.
pub(crate) async fn stored_runs() -> (Cell, Vec<String>) {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let mut ids: Vec<String> = (0..3).map(|n| id_on(0, n)).collect();
    ids.sort();
    for id in &ids {
        cell.run(id, start()).await.unwrap();
    }
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    (cell, ids)
}

fn corrupt() -> Fault {
    Fault::Before(StoreError::Corrupt("a page".into()))
}

#[tokio::test(start_paused = true)]
async fn a_row_that_the_store_refuses_to_read_is_its_entitys_trouble_alone() {
    let (cell, ids) = stored_runs().await;
    for id in &ids {
        cell.run(id, signal("s")).await.unwrap();
    }
    // The takeover reads three records and three runs together, then the records. The second run cannot be read: not
    // with the others, nor with the third one, nor by itself.
    for fault in [corrupt(), Fault::None, corrupt(), Fault::None, corrupt(), corrupt()] {
        cell.store.script(Call::Load, fault);
    }
    cell.acquire(&[ShardId(0)]).await;
    let (all, _) = cell.runtime.quarantined(None, 9);
    assert_eq!(all.iter().map(|aside| &*aside.key.id).collect::<Vec<_>>(), [&ids[1]], "{all:?}");
    assert!(all[0].why.contains("cannot be read"), "{}", all[0].why);
    for id in [&ids[0], &ids[2]] {
        cell.run(id, signal("after")).await.unwrap();
        assert_eq!(cell.signals(id).await, ["s", "after"]);
    }
    // While it cannot be read nothing is written over it, and nothing fails.
    cell.store.script(Call::Load, corrupt());
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(tail(&cell).await, 0);
    for _ in 0..2 {
        // Its record, and what is billed.
        cell.store.script(Call::Load, corrupt());
    }
    let dropped = cell.runtime.drop_quarantined(&all[0].key).await;
    assert!(matches!(dropped, Err(ShardError::Store(StoreError::Corrupt(_)))), "{dropped:?}");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_fails_nobody_who_asks_at_the_same_time() {
    let (cell, ids) = stored_runs().await;
    // Their records, and then their runs, are asked for together; then the first run, the other two, and the second.
    for fault in [Fault::None, corrupt(), Fault::None, corrupt(), corrupt()] {
        cell.store.script(Call::Load, fault);
    }
    let answers = futures::future::join_all(ids.iter().map(|id| cell.run(id, signal("s")))).await;
    let refused: Vec<usize> =
        (0..3).filter(|n| matches!(answers[*n], Err(ShardError::Quarantined(_)))).collect();
    assert_eq!(refused, [1], "{answers:?}");
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(cell.runtime.retry_quarantined(&aside(&cell)[0]).await.unwrap(), "the page is mended");
    cell.run(&ids[1], signal("s")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_leaves_memory_while_its_run_is_deleted_goes_with_it() {
    let (cell, ids) = stored_runs().await;
    // The record, and then the run, whose row cannot be read.
    for fault in [Fault::None, corrupt()] {
        cell.store.script(Call::Load, fault);
    }
    cell.run(&ids[1], signal("s")).await.unwrap_err();
    let key = aside(&cell).remove(0);
    let gate = Gate::new();
    for fault in [Fault::None, Fault::HoldBefore(gate.clone())] {
        cell.store.script(Call::Load, fault);
    }
    cell.runtime.checkpoint_all().await.unwrap();
    let drops = cell.runtime.drop_quarantined(&key);
    let others = async {
        gate.arrived().await;
        cell.runtime.checkpoint_all().await.unwrap();
        gate.release();
    };
    let (dropped, ()) = tokio::join!(drops, others);
    dropped.unwrap();
    cell.run(&ids[1], start()).await.expect("the id is free");
}

#[tokio::test(start_paused = true)]
async fn what_is_well_is_neither_tried_again_nor_deleted() {
    let (cell, _, good) = cell_with_one_aside().await;
    let key = cell.runtime.read(&current(&good), |view| view.run.unwrap().key().clone()).await.unwrap();
    let retried = cell.runtime.retry_quarantined(&key).await;
    assert!(matches!(retried, Err(ShardError::Rejected(_))), "{retried:?}");
    let dropped = cell.runtime.drop_quarantined(&key).await;
    assert!(matches!(dropped, Err(ShardError::Rejected(_))), "{dropped:?}");
    assert_eq!(cell.history(&good, 1, i64::MAX).await.len(), 2);
}

/// The rest of the shard's log, behind its checkpoint.
pub(crate) async fn tail(cell: &Cell) -> usize {
    let from = cell.ledger.advanced(ShardId(0)) + 1;
    cell.store.stores().shards.log(ShardId(0), from, u64::MAX, usize::MAX).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_aside_does_not_hold_the_log() {
    for stored in [false, true] {
        let (cell, _disk) = Cell::on_disk(config()).await;
        let (bad, good) = (id_on(0, 0), id_on(0, 1));
        for id in [&bad, &good] {
            cell.run(id, start()).await.unwrap();
            if stored {
                cell.runtime.checkpoint_all().await.unwrap();
            }
            cell.work(id, vec![timer("t", 60)]).await;
            cell.run(id, signal("before")).await.unwrap();
        }
        let healthy = cell.snapshots(std::slice::from_ref(&bad)).await;
        let history = cell.history(&bad, 1, i64::MAX).await;
        cell.run(&bad, PanicInApply).await.unwrap_err();
        cell.runtime.checkpoint_all().await.unwrap();
        assert_eq!(tail(&cell).await, 0, "stored: {stored}");
        let needs: Vec<_> =
            cell.runtime.quarantined(None, 9).0.into_iter().map(|one| one.needs_log_from).collect();
        assert_eq!(needs, [None, None]);
        // Also once more, over what stands there already.
        cell.run(&good, signal("more")).await.unwrap();
        cell.runtime.checkpoint_all().await.unwrap();

        let again = cell.another().await;
        assert_eq!(again.snapshots(std::slice::from_ref(&bad)).await, healthy, "stored: {stored}");
        assert_eq!(again.history(&bad, 1, i64::MAX).await, history);
        again.run(&bad, signal("after")).await.unwrap();
        again.runtime.checkpoint_all().await.unwrap();
        let third = again.another().await;
        assert_eq!(third.signals(&bad).await, ["before", "after"]);
        assert_eq!(third.history(&bad, 1, i64::MAX).await.len(), history.len() + 1);
        let run = third.runtime.read(&current(&bad), |view| view.run.unwrap().key().clone()).await.unwrap();
        let row = third
            .store
            .stores()
            .shards
            .load(&[(ShardId(0), run)], usize::MAX)
            .await
            .unwrap()
            .remove(0)
            .unwrap();
        assert_eq!(row.chunks, [], "a whole snapshot stands there again");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_later_version_mends_is_served_with_every_step() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    let set = |cell: &Cell, note| {
        let (runtime, at) = (Arc::clone(&cell.runtime), alarm(&id));
        async move { runtime.execute(&at, Set(Time(START + 3_600 * SECOND), note)).await }
    };
    set(&cell, "first").await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    for note in ["second", "third"] {
        set(&cell, note).await.unwrap();
    }
    // The next version of the code fails on what stands in the log, and its successor on what was put aside.
    be_mistaken_about(Some("third"));
    let mistaken = cell.another().await;
    assert_eq!(aside(&mistaken).len(), 1);
    mistaken.runtime.checkpoint_all().await.unwrap();
    assert_eq!(tail(&mistaken).await, 0);
    let still = mistaken.another().await;
    assert_eq!(aside(&still).len(), 1, "found at once, without the log");
    assert!(matches!(set(&still, "refused").await, Err(ShardError::Quarantined(_))));
    assert!(!still.runtime.retry_quarantined(&aside(&still)[0]).await.unwrap());
    still.runtime.checkpoint_all().await.unwrap();

    be_mistaken_about(None);
    assert!(still.runtime.retry_quarantined(&aside(&still)[0]).await.unwrap());
    set(&still, "fourth").await.unwrap();
    // It fails again before a whole snapshot was written: now steps stand in the row and in the log.
    be_mistaken_about(Some("fourth"));
    let again = still.another().await;
    assert_eq!(aside(&again).len(), 1);
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(tail(&again).await, 0);

    be_mistaken_about(None);
    let mended = again.another().await;
    let notes = mended.runtime.read(&alarm(&id), |view| view.entity.unwrap().notes.clone()).await.unwrap();
    assert_eq!(notes, ["first", "second", "third", "fourth"]);
    mended.runtime.checkpoint_all().await.unwrap();
    let served = mended.another().await;
    let notes = served.runtime.read(&alarm(&id), |view| view.entity.unwrap().notes.clone()).await.unwrap();
    assert_eq!(notes, ["first", "second", "third", "fourth"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_and_made_anew_before_the_engine_failed_on_it_is_not_lost() {
    for stored in [false, true] {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.runtime.execute(&alarm(&id), Set(Time(START + SECOND), "first")).await.unwrap();
        cell.clock.step(2 * SECOND);
        cell.runtime.wake_all_due().await;
        if stored {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        // The log deletes it and makes it anew.
        cell.clock.step(RETENTION + 3_600 * SECOND);
        cell.runtime.turn_hours_all().await.unwrap();
        for note in ["second", "third"] {
            cell.runtime.execute(&alarm(&id), Set(Time(i64::MAX), note)).await.unwrap();
        }
        be_mistaken_about(Some("second"));
        let mistaken = cell.another().await;
        assert_eq!(aside(&mistaken), [alarm(&id).key()]);
        mistaken.runtime.checkpoint_all().await.unwrap();
        assert_eq!(tail(&mistaken).await, 0);
        be_mistaken_about(None);
        let mended = mistaken.another().await;
        let notes = mended.runtime.read(&alarm(&id), |view| view.entity.map(|it| it.notes.clone())).await;
        assert_eq!(notes.unwrap().expect("it was acknowledged"), ["second", "third"], "stored: {stored}");
    }
}

/// The run of an id that is stored.
pub(crate) async fn run_of(cell: &Cell, id: &str) -> EntityKey {
    cell.runtime.read(&current(id), |view| view.run.unwrap().key().clone()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn steps_that_can_go_to_no_row_hold_the_log_until_an_operator_gives_them_up() {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    let with_its_snapshot = billed(&cell);
    cell.run(&ids[1], signal_with("s", 1_000)).await.unwrap();
    cell.ledger.damage_reads([run.clone()]);
    cell.ledger.damage_apart(true);
    cell.acquire(&[ShardId(0)]).await;
    assert_eq!(aside(&cell), std::slice::from_ref(&run));
    cell.runtime.checkpoint_all().await.unwrap();
    assert!(tail(&cell).await > 0);
    let problems = cell.runtime.problems();
    let said =
        format!("bytes of log are kept for 1 entities that are kept aside, of {:?} for one: a page", ids[1]);
    assert!(problems.len() == 1 && problems[0].starts_with("shard 0: "), "{problems:?}");
    assert!(problems[0].ends_with(&said), "{problems:?}");
    assert!(!cell.runtime.is_well(), "the log grows until somebody has looked");
    let reads = cell.store.calls(Call::Log);
    for _ in 0..3 {
        cell.runtime.checkpoint_all().await.unwrap();
    }
    assert_eq!(cell.store.calls(Call::Log), reads, "nobody reads the log again and again for it");

    let refused = cell.runtime.drop_quarantined(&run).await;
    assert!(matches!(refused, Err(ShardError::Store(StoreError::Corrupt(_)))), "{refused:?}");
    assert_eq!(aside(&cell), std::slice::from_ref(&run));
    cell.runtime.drop_unread(&run).await.unwrap();
    assert_eq!(aside(&cell), []);
    assert_eq!(billed(&cell), with_its_snapshot, "what the log says of it is taken off");
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(tail(&cell).await, 0);
    assert_eq!(cell.runtime.problems(), Vec::<String>::new());
    assert!(cell.runtime.is_well());
    cell.run(&ids[1], start()).await.expect("the id is free");
    let again = cell.another().await;
    assert_eq!(aside(&again), []);
    assert_eq!(again.history(&ids[1], 1, i64::MAX).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_read_of_an_entity_that_cannot_be_written_is_taken_off_in_whole() {
    for apart in [true, false] {
        let (cell, ids) = stored_runs().await;
        let id = &ids[1];
        let run = run_of(&cell, id).await;
        let others =
            [run_of(&cell, &ids[0]).await, run_of(&cell, &ids[2]).await].map(|run| (ShardId(0), run));
        let others = cell.engine().load(&others, usize::MAX).await.unwrap();
        let without: i64 = others.iter().flatten().map(|row| row.billed_bytes as i64).sum();
        cell.run(id, signal_with("s", 1_000)).await.unwrap();
        cell.run(id, PanicInApply).await.unwrap_err();
        cell.ledger.damage([run.clone()]);
        if apart {
            cell.runtime.checkpoint_all().await.unwrap();
            assert_eq!(tail(&cell).await, 0);
            cell.runtime.drop_quarantined(&run).await.expect("all of it can be read");
        } else {
            cell.ledger.damage_apart(true);
            cell.runtime.checkpoint_all().await.unwrap();
            assert!(tail(&cell).await > 0);
            let refused = cell.runtime.drop_quarantined(&run).await;
            assert!(matches!(refused, Err(ShardError::Store(StoreError::Corrupt(_)))), "{refused:?}");
            cell.runtime.drop_unread(&run).await.unwrap();
        }
        assert_eq!(billed(&cell).values().sum::<i64>(), without);
        cell.runtime.checkpoint_all().await.unwrap();
        assert_eq!(tail(&cell).await, 0, "its rows stay, and hold nothing");
        let problems = cell.runtime.problems();
        assert!(problems.len() == 1 && problems[0].contains("cannot be removed"), "{problems:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_of_one_does_not_keep_another_from_being_deleted() {
    let (cell, bad, good) = cell_with_one_aside().await;
    cell.run(&good, PanicInApply).await.unwrap_err();
    let (kept, free): (Vec<_>, Vec<_>) = aside(&cell).into_iter().partition(|key| *key.id == *bad);
    cell.ledger.damage(kept.clone());
    cell.ledger.damage_apart(true);
    for key in &kept {
        let refused = cell.runtime.drop_quarantined(key).await;
        assert!(matches!(refused, Err(ShardError::Store(StoreError::Corrupt(_)))), "{refused:?}");
    }
    for key in &free {
        cell.runtime.drop_quarantined(key).await.unwrap();
    }
    assert_eq!(aside(&cell), kept);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_does_not_come_back_with_rows_that_are_due() {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    cell.run(&ids[1], signal("s")).await.unwrap();
    cell.run(&ids[1], PanicInApply).await.unwrap_err();
    // With the step that it lacks a row is due at once.
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.damage([run.clone()]);
    cell.runtime.drop_quarantined(&run).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(tail(&cell).await, 0, "the log says nothing of it any more");
    let again = cell.another().await;
    let target = Target::run(NAMESPACE, ids[1].as_str(), run.run_id);
    assert!(again.runtime.read(&target, |view| view.run.is_none()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_aside_is_due_for_no_deletion_whatever_its_snapshot_said() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.runtime.execute(&alarm(&id), Set(Time(START + SECOND), "first")).await.unwrap();
    cell.clock.step(2 * SECOND);
    cell.runtime.wake_all_due().await;
    cell.runtime.checkpoint_all().await.unwrap();
    let due = async || cell.engine().expired(ShardId(0), i64::MAX, 9).await.unwrap().len();
    assert_eq!(due().await, 1, "it rang");
    cell.runtime.execute(&alarm(&id), Set(Time(i64::MAX), "second")).await.unwrap();
    be_mistaken_about(Some("second"));
    let mistaken = cell.another().await;
    assert_eq!(aside(&mistaken), [alarm(&id).key()]);
    mistaken.runtime.checkpoint_all().await.unwrap();
    be_mistaken_about(None);
    assert_eq!((tail(&mistaken).await, due().await), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_a_snapshot_includes_and_the_log_holds_is_taken_once() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, signal("first")).await.unwrap();
    // A change while the snapshot is written: the log is needed from the one on that it shows last.
    let gate = Gate::new();
    cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
    let meanwhile = async {
        gate.arrived().await;
        cell.run(&id, signal("second")).await.unwrap();
        gate.release();
    };
    let (written, ()) = tokio::join!(cell.runtime.checkpoint_all(), meanwhile);
    written.unwrap();
    cell.run(&id, PanicInApply).await.unwrap_err();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(tail(&cell).await, 0);
    let again = cell.another().await;
    assert_eq!(again.signals(&id).await, ["first", "second"]);
}
