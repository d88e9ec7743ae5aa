//! What a quarantined entity's damaged row cannot take stands apart from it, so that the log goes.

use crate::fixture::*;
use crate::quarantine::{aside, billed, run_of, stored_runs, tail};
use cell_engine::Time;
use cell_shard::ShardError;
use cell_store::fault::{Call, Fault};
use cell_store::{ShardId, StoreError};

/// Rows of steps that stand apart on the first shard.
async fn rows(cell: &Cell) -> usize {
    cell.engine().outbox(ShardId(0), APART, None, usize::MAX, usize::MAX).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn steps_whose_row_cannot_be_read_hold_no_log_and_come_back_with_it() {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    for text in ["first", "second"] {
        cell.run(&ids[1], signal(text)).await.unwrap();
    }
    cell.ledger.damage_reads([run.clone()]);
    cell.acquire(&[ShardId(0)]).await;
    assert_eq!(aside(&cell), std::slice::from_ref(&run));
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&cell).await, rows(&cell).await), (0, 1));
    assert_eq!((cell.runtime.is_well(), cell.runtime.problems()), (true, Vec::new()));
    assert!(cell.runtime.outbox_sizes().await.unwrap().iter().all(|size| size.projection != APART));
    let reads = cell.store.calls(Call::Log);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.store.calls(Call::Log), reads, "nobody reads the log for it");

    let again = cell.another().await;
    assert_eq!(aside(&again), std::slice::from_ref(&run), "found at once, without the log");
    again.runtime.checkpoint_all().await.unwrap();
    again.ledger.damage_reads([]);
    assert!(again.runtime.retry_quarantined(&run).await.unwrap());
    assert_eq!(again.signals(&ids[1]).await, ["first", "second"]);
    again.run(&ids[1], signal("third")).await.unwrap();
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&again).await, rows(&again).await), (0, 0), "a whole snapshot stands again");
    let last = again.another().await;
    assert_eq!(last.store.calls(Call::Outbox), 0, "no start looks for any");
    assert_eq!(last.signals(&ids[1]).await, ["first", "second", "third"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_can_be_read_and_not_written_is_served_with_what_stands_apart_of_it() {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    cell.run(&ids[1], signal("first")).await.unwrap();
    cell.run(&ids[1], PanicInApply).await.unwrap_err();
    cell.ledger.damage([run.clone()]);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&cell).await, rows(&cell).await), (0, 1));

    let again = cell.another().await;
    assert_eq!(aside(&again), []);
    assert_eq!(again.signals(&ids[1]).await, ["first"]);
    for id in &ids {
        again.run(id, signal("second")).await.unwrap();
    }
    // While others can be written.
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(aside(&again), std::slice::from_ref(&run));
    assert_eq!((tail(&again).await, rows(&again).await), (0, 1));
    again.ledger.damage([]);
    let last = again.another().await;
    assert_eq!(last.signals(&ids[1]).await, ["first", "second"]);
    last.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&last).await, rows(&last).await), (0, 0));
    assert_eq!(last.another().await.signals(&ids[1]).await, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn steps_that_stand_apart_go_to_the_row_again_once_it_can_be_written() {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    cell.run(&ids[1], signal("first")).await.unwrap();
    cell.ledger.damage_reads([run.clone()]);
    cell.acquire(&[ShardId(0)]).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&cell).await, rows(&cell).await), (0, 1));
    cell.ledger.damage_reads([]);
    let again = cell.another().await;
    again.run(&ids[1], signal("second")).await.unwrap();
    again.run(&ids[1], PanicInApply).await.unwrap_err();
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&again).await, rows(&again).await), (0, 0));
    assert_eq!(aside(&again).len(), 2, "the run and its record");
    assert_eq!(again.another().await.signals(&ids[1]).await, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_apart_goes_with_its_entity() {
    for removable in [true, false] {
        let (cell, ids) = stored_runs().await;
        let run = run_of(&cell, &ids[1]).await;
        let with_its_snapshot = billed(&cell);
        cell.run(&ids[1], signal_with("s", 1_000)).await.unwrap();
        cell.ledger.damage_reads([run.clone()]);
        cell.acquire(&[ShardId(0)]).await;
        cell.runtime.checkpoint_all().await.unwrap();
        if !removable {
            cell.ledger.damage([run.clone()]);
        }
        let refused = cell.runtime.drop_quarantined(&run).await;
        assert!(matches!(refused, Err(ShardError::Store(StoreError::Corrupt(_)))), "{refused:?}");
        cell.runtime.drop_unread(&run).await.unwrap();
        assert_eq!(billed(&cell), with_its_snapshot, "what stands apart of it is taken off");
        cell.runtime.checkpoint_all().await.unwrap();
        assert_eq!((tail(&cell).await, rows(&cell).await), (0, usize::from(!removable)));
        let again = cell.another().await;
        assert_eq!(aside(&again), []);
        again.run(&ids[1], start()).await.expect("the id is free");
        again.runtime.checkpoint_all().await.unwrap();
        again.ledger.damage([]);
        let last = again.another().await;
        last.runtime.checkpoint_all().await.unwrap();
        assert_eq!(rows(&last).await, 0, "each owner tries once");
        assert_eq!(aside(&last), []);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_anew_over_rows_that_cannot_be_touched_stands_apart() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.runtime.execute(&alarm(&id), Set(Time(START + SECOND), "first")).await.unwrap();
    cell.clock.step(2 * SECOND);
    cell.runtime.wake_all_due().await;
    cell.runtime.checkpoint_all().await.unwrap();
    // The log deletes it and makes it anew.
    cell.clock.step(RETENTION + 3_600 * SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    for note in ["second", "third"] {
        cell.runtime.execute(&alarm(&id), Set(Time(i64::MAX), note)).await.unwrap();
    }
    be_mistaken_about(Some("second"));
    let mistaken = cell.another().await;
    assert_eq!(aside(&mistaken), [alarm(&id).key()]);
    mistaken.ledger.damage([alarm(&id).key()]);
    mistaken.ledger.damage_reads([alarm(&id).key()]);
    mistaken.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&mistaken).await, rows(&mistaken).await), (0, 1));
    be_mistaken_about(None);
    let notes = async |cell: &Cell| {
        let notes = cell.runtime.read(&alarm(&id), |view| view.entity.map(|it| it.notes.clone())).await;
        notes.unwrap().expect("it was acknowledged")
    };
    let again = mistaken.another().await;
    assert_eq!(notes(&again).await, ["second", "third"], "what its row says is of before");
    again.ledger.damage([]);
    again.ledger.damage_reads([]);
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(rows(&again).await, 0);
    assert_eq!(notes(&again.another().await).await, ["second", "third"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_apart_and_cannot_be_read_is_its_entitys_trouble_alone() {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    cell.run(&ids[1], signal("s")).await.unwrap();
    cell.ledger.damage_reads([run.clone()]);
    cell.acquire(&[ShardId(0)]).await;
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.damage_reads([]);
    let corrupt = || Fault::Before(StoreError::Corrupt("a page".into()));
    let again = cell.another_with(|store| store.script(Call::Outbox, corrupt())).await.unwrap();
    assert_eq!(aside(&again), std::slice::from_ref(&run), "without its steps it is not what it was");
    for id in [&ids[0], &ids[2]] {
        again.run(id, signal("after")).await.unwrap();
    }
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&again).await, rows(&again).await), (0, 1));
    again.store.script(Call::Outbox, corrupt());
    let refused = again.runtime.drop_quarantined(&run).await;
    assert!(matches!(refused, Err(ShardError::Store(StoreError::Corrupt(_)))), "{refused:?}");
    assert_eq!(again.another().await.signals(&ids[1]).await, ["s"]);
}

/// A crash came between the write of steps apart from their entity's row, which cannot be read, and the advance of the
/// checkpoint: whoever owns the shard next reads both row and log, and has no use for what stands apart.
async fn needless() -> (Cell, Vec<String>) {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    cell.run(&ids[1], signal("first")).await.unwrap();
    cell.ledger.damage_reads([run]);
    cell.acquire(&[ShardId(0)]).await;
    cell.ledger.refuse_advances(true);
    cell.runtime.checkpoint_all().await.unwrap_err();
    cell.ledger.refuse_advances(false);
    cell.ledger.damage_reads([]);
    assert!(tail(&cell).await > 0);
    assert_eq!(rows(&cell).await, 1);
    (cell, ids)
}

#[tokio::test(start_paused = true)]
async fn what_stands_apart_and_is_needed_no_more_goes_with_the_first_checkpoint_of_a_term() {
    let (cell, ids) = needless().await;
    let again = cell.another().await;
    again.run(&ids[1], signal("second")).await.unwrap();
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&again).await, rows(&again).await), (0, 0));
    assert_eq!(again.signals(&ids[1]).await, ["first", "second"]);
    let reads = again.store.calls(Call::Outbox);
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(again.store.calls(Call::Outbox), reads, "nobody looks for more of them");
    assert_eq!(again.another().await.signals(&ids[1]).await, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_apart_in_vain_and_cannot_be_read_or_removed_holds_no_checkpoint() {
    let corrupt = || StoreError::Corrupt("a page".into());
    let away = || StoreError::Unavailable("away".into());
    for (error, later) in [(corrupt(), 1), (away(), 0)] {
        let (cell, _) = needless().await;
        let again = cell.another().await;
        again.store.script(Call::Outbox, Fault::Before(error));
        again.runtime.checkpoint_all().await.unwrap();
        assert_eq!((tail(&again).await, rows(&again).await), (0, 1));
        again.runtime.checkpoint_all().await.unwrap();
        assert_eq!(rows(&again).await, later, "what is damaged each owner tries once");
        let last = again.another().await;
        last.runtime.checkpoint_all().await.unwrap();
        assert_eq!(rows(&last).await, 0);
    }
    let (cell, _) = needless().await;
    let stands = cell.engine().outbox(ShardId(0), APART, None, usize::MAX, usize::MAX).await.unwrap();
    cell.ledger.damage_outbox(stands.into_iter().map(|row| row.key));
    let again = cell.another().await;
    let writes = again.store.calls(Call::Checkpoint);
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&again).await, rows(&again).await), (0, 1));
    assert!(again.store.calls(Call::Checkpoint) > writes);
    again.runtime.checkpoint_all().await.unwrap();
    again.ledger.damage_outbox([]);
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(rows(&again).await, 1, "it is tried once");
    let last = again.another().await;
    last.runtime.checkpoint_all().await.unwrap();
    assert_eq!(rows(&last).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_stands_apart_of_several_comes_back_to_each() {
    let (cell, ids) = stored_runs().await;
    let mut runs = Vec::new();
    for id in &ids {
        runs.push(run_of(&cell, id).await);
        cell.run(id, signal(id)).await.unwrap();
    }
    cell.ledger.damage_reads(runs.clone());
    cell.acquire(&[ShardId(0)]).await;
    assert_eq!(aside(&cell), runs);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&cell).await, rows(&cell).await), (0, 3));
    cell.ledger.damage_reads([]);
    let again = cell.another().await;
    for id in &ids {
        assert_eq!(again.signals(id).await, std::slice::from_ref(id));
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_stands_apart_and_in_the_log_is_taken_once() {
    let (cell, ids) = stored_runs().await;
    let (holds, apart) = (run_of(&cell, &ids[0]).await, run_of(&cell, &ids[1]).await);
    // The log is held for a step of the first that can go nowhere, from before those of the second.
    cell.run(&ids[0], signal("s")).await.unwrap();
    cell.ledger.damage_reads([holds.clone()]);
    cell.acquire(&[ShardId(0)]).await;
    cell.ledger.damage_apart(true);
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.damage_apart(false);
    for text in ["first", "second"] {
        cell.run(&ids[1], signal(text)).await.unwrap();
    }
    cell.run(&ids[1], PanicInApply).await.unwrap_err();
    cell.ledger.damage_reads([holds, apart]);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(rows(&cell).await, 1);
    assert!(tail(&cell).await > 1);

    let again = cell.another().await;
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&again).await, rows(&again).await), (0, 2));
    again.ledger.damage_reads([]);
    let last = again.another().await;
    assert_eq!(last.signals(&ids[0]).await, ["s"]);
    assert_eq!(last.signals(&ids[1]).await, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn steps_that_stand_apart_have_the_events_that_stood_beside_the_log() {
    let (cell, ids) = stored_runs().await;
    let run = run_of(&cell, &ids[1]).await;
    cell.run(&ids[1], signal_with("large", 100 << 10)).await.unwrap();
    let history = cell.history(&ids[1], 1, i64::MAX).await;
    cell.ledger.damage_reads([run.clone()]);
    cell.acquire(&[ShardId(0)]).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((tail(&cell).await, rows(&cell).await), (0, 1));
    cell.ledger.damage_reads([]);
    let again = cell.another().await;
    assert_eq!(aside(&again), []);
    assert_eq!(again.history(&ids[1], 1, i64::MAX).await, history);
}
