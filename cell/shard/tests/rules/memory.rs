//! Who gets what is left of the memory budget, and that it drains.

use crate::fixture::*;
use atoll_api::temporal::api::enums::v1::EventType;
use cell_engine::Time;
use cell_memory::Owner;
use cell_shard::{Awaited, Origin, ShardConfig, ShardError, Target};
use cell_store::StoreError;
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;
use std::sync::Arc;
use std::time::Duration;

const BUDGET: usize = 16 << 20;

fn is_refused<R>(answer: Result<R, ShardError>) -> bool {
    matches!(answer, Err(ShardError::NoMemory))
}

/// A cell with two runs, of which only the first is in memory.
async fn two_runs() -> Cell {
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, BUDGET).await;
    cell.run("there", start()).await.unwrap();
    cell.run("stored", start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.signals("there").await;
    cell
}

#[tokio::test(start_paused = true)]
async fn the_last_eighth_is_for_work_that_runs() {
    let cell = two_runs().await;
    let memory = cell.runtime.memory();
    let held = memory.charge(Owner::Backlogs, BUDGET * 7 / 8);
    let (appends, loads) = (cell.store.calls(Call::Append), cell.store.calls(Call::Load));
    // What clients would add, or bring back.
    assert!(is_refused(cell.run("new", start()).await));
    assert!(is_refused(cell.run("there", signal("s")).await));
    assert!(is_refused(cell.runtime.read(&current("stored"), |_| ()).await));
    assert!(is_refused(cell.runtime.history(&current("stored"), 1, 9).await));
    assert!(is_refused(cell.runtime.watch(&current("stored"), Awaited::Close, |_| true).await));
    assert_eq!(cell.store.calls(Call::Append) - appends, 0, "and leaves no trace");
    assert_eq!(cell.store.calls(Call::Load) - loads, 0);
    // What is there may be looked at.
    assert!(cell.runtime.read(&current("there"), |view| view.run.is_some()).await.unwrap());
    // Workers go on, also with what is not in memory, and so does who ends a run.
    let task = cell.run("stored", take_first_task()).await.unwrap();
    cell.run("stored", answer(&task, vec![timer("t", 60)])).await.unwrap();
    cell.run("there", terminate()).await.unwrap();
    drop(held);
    cell.run("new", start()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_the_cell_itself_goes_on() {
    let cell = two_runs().await;
    let task = cell.run("stored", take_first_task()).await.unwrap();
    cell.run("stored", answer(&task, vec![timer("t", 60)])).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    assert!(is_refused(cell.run("there", take_first_task()).await), "workers wait");
    assert!(is_refused(cell.run("there", terminate()).await));
    cell.clock.step(61 * SECOND);
    cell.runtime.wake_all_due().await;
    let stored = current("stored");
    let fired = cell.runtime.read_for(Origin::Cell, &stored, |view| {
        view.run.is_some_and(|run| run.workflow_task().waiting().is_some())
    });
    assert!(fired.await.unwrap(), "a timer of a run that was not in memory fires");
    drop(held);
    cell.run("there", take_first_task()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_that_is_full_takes_no_starts_and_is_read() {
    let cell = two_runs().await;
    cell.runtime.memory().set(Owner::MemoryEngine, BUDGET);
    assert!(is_refused(cell.run("new", start()).await));
    assert!(cell.runtime.read(&current("stored"), |view| view.run.is_some()).await.unwrap());
    let task = cell.run("stored", take_first_task()).await.unwrap();
    cell.run("stored", answer(&task, Vec::new())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn operators_wait_for_room_unless_they_delete() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    cell.run("bad", start()).await.unwrap();
    cell.run("bad", PanicInApply).await.unwrap_err();
    let (aside, _) = cell.runtime.quarantined(None, 9);
    let run = aside.iter().map(|aside| &aside.key).find(|key| key.is_used_once()).expect("the run");
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    let acquired = cell.store.calls(Call::Acquire);
    assert!(is_refused(cell.runtime.show_quarantined(run).await));
    assert!(is_refused(cell.runtime.retry_quarantined(run).await));
    assert_eq!(cell.store.calls(Call::Acquire), acquired, "its shard was not taken over for nothing");
    cell.runtime.drop_quarantined(run).await.expect("it frees some");
    assert_eq!(cell.runtime.memory().of(Owner::Loads), 0);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_reads_no_more_at_once_than_there_is_room_for() {
    const RUNS: usize = 40;
    let cell = Cell::with_budget(config(), BUDGET).await;
    for n in 0..RUNS {
        cell.run(&id_on(0, n), start_with(200 << 10)).await.unwrap();
    }
    cell.runtime.checkpoint_all().await.unwrap();
    for n in 0..RUNS {
        cell.run(&id_on(0, n), signal("s")).await.unwrap();
    }
    let again = cell.another().await;
    let reads = again.store.calls(Call::Load);
    assert!(reads > 10, "8 MiB of runs with {reads} reads, half a mebibyte at a time");
    assert_eq!(again.runtime.memory().of(Owner::Loads), 0);
    assert_eq!(again.signals(&id_on(0, RUNS - 1)).await, ["s"]);
}

/// Starts of this size until there is no room; how many there were.
async fn fill(cell: &Cell, name: &str, bytes: usize) -> usize {
    for n in 0..1_000 {
        let mut running = cell.begin_run(&format!("{name} {n}"), start_with(bytes));
        match (&mut running).now_or_never() {
            Some(Err(ShardError::NoMemory)) => return n,
            Some(answer) => drop(answer.unwrap()),
            None => drop(tokio::spawn(running)),
        }
    }
    panic!("there is no limit: {:?}", cell.runtime.memory());
}

#[tokio::test(start_paused = true)]
async fn memory_that_is_full_of_what_changed_drains_once_the_store_takes_it() {
    let cell = Cell::with_budget(ShardConfig { batch_bytes: usize::MAX, ..config() }, BUDGET).await;
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let first = cell.begin_run("held", start());
    let first = tokio::spawn(first);
    gate.arrived().await;
    let taken = fill(&cell, "w", 256 << 10).await;
    assert!(taken > 10, "{taken}");
    let used = cell.runtime.memory().used();
    assert!(used < BUDGET, "the rest is for others: {used}");
    // Nothing can go while nothing is durable.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(is_refused(cell.run("late", start()).await));
    gate.release();
    first.await.expect("no panic").unwrap();
    let drained = async {
        while cell.runtime.memory().is_pressed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), drained).await.expect("it drains by itself");
    cell.run("late", start()).await.unwrap();
    for n in 0..taken {
        let target = current(&format!("w {n}"));
        let there = cell.runtime.read(&target, |view| view.run.is_some()).await;
        assert!(there.unwrap(), "{n} was taken and is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_checkpoints_for_a_while_costs_refusals_and_nothing_else() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    for _ in 0..50 {
        cell.store.script(Call::Checkpoint, Fault::Before(StoreError::Unavailable("away".into())));
    }
    let mut refused = 0;
    for n in 0..200 {
        while is_refused(cell.run(&format!("w {n}"), start_with(256 << 10)).await) {
            refused += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(refused > 0, "there was no limit");
    let used = cell.runtime.memory().used();
    assert!(used < BUDGET, "{used}");
}

#[tokio::test(start_paused = true)]
async fn what_is_used_mostly_stays_and_what_is_not_goes() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    let mut loads = 0;
    for n in 0..400 {
        while is_refused(cell.run(&format!("w {n}"), start_with(128 << 10)).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let before = cell.store.calls(Call::Load);
        cell.runtime.read(&current("w 0"), |view| assert!(view.run.is_some())).await.unwrap();
        loads += cell.store.calls(Call::Load) - before;
    }
    // Of its 800 looks, at a record and a run each: a queue with second chances is not quite the order of use.
    assert!(loads < 80, "what is looked at all the time was loaded {loads} times");
    let before = cell.store.calls(Call::Load);
    cell.runtime.read(&current("w 1"), |view| assert!(view.run.is_some())).await.unwrap();
    assert!(cell.store.calls(Call::Load) > before, "what nobody looked at since went");
}

/// So many runs of the first shard, all at once.
async fn start_many(cell: &Cell, count: usize) -> Vec<String> {
    let ids: Vec<String> = (0..count).map(|n| id_on(0, n)).collect();
    let starts = ids.iter().map(|id| cell.begin_run(id, start()));
    futures::future::try_join_all(starts).await.unwrap();
    ids
}

#[tokio::test(start_paused = true)]
async fn what_is_more_than_may_stay_goes_however_much_that_is() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    // Each with its record.
    start_many(&cell, 150).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
}

#[tokio::test(start_paused = true)]
async fn runs_that_have_come_to_their_end_go_as_soon_as_they_are_stored() {
    // None are to stay, or a sixteenth of the memory that there is.
    for (closed_bytes, budget, most) in [(0, BUDGET, 0), (usize::MAX, 4 << 20, 256 << 10)] {
        let cell = Cell::with_budget(ShardConfig { closed_bytes, ..config() }, budget).await;
        let ids = start_many(&cell, 300).await;
        let ends = ids.iter().map(|id| cell.begin_run(id, terminate()));
        futures::future::try_join_all(ends).await.unwrap();
        cell.run(&id_on(0, 300), start()).await.unwrap();
        let closed = || cell.runtime.memory().of(Owner::ClosedRuns);
        let before = closed();
        assert!(before > 300 << 10, "{before}");
        assert!(cell.runtime.relieve_memory().await.unwrap(), "there is room");
        assert_eq!(closed(), before, "nothing of them is stored");
        cell.runtime.checkpoint_all().await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(closed() <= most, "{} of {before} are left, though no time has passed", closed());
        assert_eq!(closed() > 0, most > 0);
        assert!(cell.runtime.memory().of(Owner::Residents) > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_goes_without_being_written_again_also_where_all_of_it_was_used() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    let ids = start_many(&cell, 150).await;
    cell.runtime.checkpoint_all().await.unwrap();
    for id in &ids {
        cell.runtime.read(&current(id), |_| ()).await.unwrap();
    }
    assert_eq!(cell.runtime.resident_ids(), 150);
    let slices = cell.store.calls(Call::Checkpoint);
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET * 7 / 8);
    assert!(!cell.runtime.relieve_memory().await.unwrap(), "the rest is in use");
    assert_eq!((cell.runtime.resident_ids(), cell.store.calls(Call::Checkpoint)), (0, slices));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn what_changed_is_written_together_also_where_all_of_it_was_used() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    for id in start_many(&cell, 10).await {
        cell.runtime.read(&current(&id), |_| ()).await.unwrap();
    }
    let slices = cell.store.calls(Call::Checkpoint);
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET * 7 / 8);
    assert!(!cell.runtime.relieve_memory().await.unwrap(), "the rest is in use");
    assert_eq!((cell.runtime.resident_ids(), cell.store.calls(Call::Checkpoint) - slices), (0, 1));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_another_shard_has_what_may_go() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    let changed = alarm(&id_on(0, 0));
    cell.runtime.execute(&changed, Set(Time(i64::MAX), "first")).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    for n in 0..8 {
        cell.run(&id_on(1, n), start_with(256 << 10)).await.unwrap();
    }
    cell.runtime.checkpoint_all().await.unwrap();
    // The coldest may not go: it has changed since it was stored.
    cell.runtime.execute(&changed, Set(Time(i64::MAX), "second")).await.unwrap();
    let memory = cell.runtime.memory();
    assert!(memory.of(Owner::Residents) > 2 << 20, "{memory:?}");
    let held = memory.charge(Owner::Backlogs, BUDGET * 3 / 4 - (64 << 10));
    assert!(memory.is_pressed());
    let slices = cell.store.calls(Call::Checkpoint);
    assert!(cell.runtime.relieve_memory().await.unwrap());
    assert_eq!(cell.store.calls(Call::Checkpoint), slices);
    assert!(memory.of(Owner::Residents) < 64 << 10, "{memory:?}");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn what_counts_by_itself_is_asked() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let memory = cell.runtime.memory();
    memory.look();
    assert!(memory.of(Owner::Spools) > 0, "no sink takes anything");
    assert_eq!(memory.of(Owner::MemoryEngine), cell.engine().memory_bytes());
    assert!(memory.of(Owner::MemoryEngine) > 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_run_is_told_though_it_left_memory_meanwhile() {
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, BUDGET).await;
    cell.run("w", start()).await.unwrap();
    let mut change =
        cell.runtime.watch(&current("w"), Awaited::Change, |_| true).await.unwrap().expect("waits");
    let mut close =
        cell.runtime.watch(&current("w"), Awaited::Close, |_| true).await.unwrap().expect("waits");
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0, "waiting takes no run's memory");
    assert!(change.try_recv().is_err() && close.try_recv().is_err());
    cell.run("w", signal("s")).await.unwrap();
    change.await.expect("told");
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.run("w", terminate()).await.unwrap();
    close.await.expect("told");
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_lost_gives_everything_back() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    for n in 0..20 {
        cell.run(&format!("w {n}"), start_with(64 << 10)).await.unwrap();
    }
    assert!(cell.runtime.memory().of(Owner::Residents) > 20 * (64 << 10));
    let other = cell.another().await;
    let late =
        futures::future::join_all((0..20).map(|n| cell.begin_run(&format!("w {n}"), signal("late")))).await;
    assert!(late.iter().all(|answer| matches!(answer, Err(ShardError::NotOwner(_)))));
    let memory = cell.runtime.memory();
    let held =
        [Owner::Residents, Owner::ClosedRuns, Owner::Batches, Owner::Loads].map(|owner| memory.of(owner));
    assert_eq!(held, [0; 4], "{memory:?}");
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_cannot_be_written_leaves_the_others_their_relief() {
    let cell = Cell::with_budget(config(), BUDGET).await;
    for shard in 0..2 {
        cell.run(&id_on(shard, 0), start_with(256 << 10)).await.unwrap();
    }
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET * 7 / 8);
    let (before, residents) = (cell.store.calls(Call::Checkpoint), cell.runtime.resident_ids());
    cell.store.script(Call::Checkpoint, Fault::Before(StoreError::Unavailable("away".into())));
    cell.runtime.relieve_memory().await.expect("it is over by the time that its turn comes again");
    assert_eq!(cell.store.calls(Call::Checkpoint) - before, 3, "one fails, and both are written");
    assert!(cell.runtime.resident_ids() < residents);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_of_a_history_is_held_until_its_reader_lets_go_of_it() {
    const INPUT: usize = 256 << 10;
    let cell = Cell::with_budget(config(), BUDGET).await;
    cell.run("w", start_with(INPUT)).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let held = || cell.runtime.memory().of(Owner::HistoryReads);
    let (gate, runtime) = (Gate::new(), Arc::clone(&cell.runtime));
    cell.store.script(Call::History, Fault::HoldBefore(gate.clone()));
    let reading = tokio::spawn(async move { runtime.history(&current("w"), 1, i64::MAX).await });
    gate.arrived().await;
    assert!((INPUT..INPUT + 4_096).contains(&held()), "what the run has been billed: {}", held());
    gate.release();
    let page = reading.await.expect("no panic").unwrap().expect("it is there");
    let read: usize = page.chunks.iter().map(|chunk| chunk.len()).sum();
    assert!(read > INPUT && held() == read, "{} for {read}", held());
    let part = page.chunks[0].slice(..1);
    drop(page);
    assert_eq!(held(), read, "a part of it keeps all");
    drop(part);
    assert_eq!(held(), 0);
}

/// Runs of the first shard that left memory, and a last one that did not: all wait for a timer so many seconds ahead,
/// which is further than the index in memory reaches.
async fn gone_and_one_there(cell: &Cell, seconds: i64) -> Vec<String> {
    let ids: Vec<String> = (0..4).map(|n| id_on(0, n)).collect();
    let (there, gone) = ids.split_last().expect("some");
    for id in gone {
        cell.run(id, start()).await.unwrap();
        cell.work(id, vec![timer("t", seconds)]).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((cell.runtime.resident_ids(), cell.runtime.known_wakes()), (0, 0));
    cell.run(there, start()).await.unwrap();
    cell.work(there, vec![timer("t", seconds)]).await;
    ids
}

async fn has_fired(cell: &Cell, id: &str) -> bool {
    cell.history(id, 1, i64::MAX).await.iter().any(|event| event.event_type() == EventType::TimerFired)
}

#[tokio::test(start_paused = true)]
async fn one_call_wakes_what_left_memory_too_though_there_is_no_room() {
    for due_rows in [2, 100] {
        let config = ShardConfig { resident_entities: 0, due_rows, ..config() };
        let cell = Cell::with_budget(config, BUDGET).await;
        let ids = gone_and_one_there(&cell, 300).await;
        let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
        cell.clock.step(300 * SECOND);
        cell.runtime.wake_all_due().await;
        drop(held);
        for id in &ids {
            assert!(has_fired(&cell, id).await, "{id}, {due_rows} rows at once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_left_memory_is_woken_in_time_though_memory_stays_full_and_others_are_always_due() {
    for due_rows in [2, 100] {
        let config = ShardConfig { resident_entities: 0, due_rows, ..config() };
        let cell = Cell::with_budget(config, BUDGET).await;
        let ids = gone_and_one_there(&cell, 300).await;
        let busy = id_on(0, ids.len());
        cell.run(&busy, start()).await.unwrap();
        let timers = (1..=60).map(|n| timer(&format!("t{n}"), 10 * n));
        cell.work(&busy, timers.collect()).await;
        let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
        for _ in 0..31 {
            cell.clock.step(10 * SECOND);
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        drop(held);
        for id in &ids {
            assert!(has_fired(&cell, id).await, "{id}, {due_rows} rows at once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_due_while_memory_is_full_does_not_wait_for_what_another_namespace_has_due() {
    const RUNS: usize = 640;
    let cell = Cell::with_budget(config(), BUDGET).await;
    let neighbours = Target::current(NEIGHBOUR, "one of a few");
    let shard = cell.runtime.shard_of(NEIGHBOUR, "one of a few").0;
    let ids: Vec<String> = (0..RUNS).map(|n| id_on(shard, n)).collect();
    for id in &ids {
        cell.run(id, start()).await.unwrap();
        cell.work(id, vec![timer("t", 60)]).await;
    }
    cell.run_at(&neighbours, start()).await.unwrap();
    cell.work_at(&neighbours, vec![timer("t", 61)]).await;
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    let before = cell.out.look(|out| out.effects.len());
    // Whose timers have fired, in this order: each has a workflow task to be done.
    let fired = || {
        cell.out
            .look(|out| out.effects[before..].iter().map(|(_, key, _)| key.namespace_id).collect::<Vec<_>>())
    };
    cell.clock.step(60 * SECOND);
    while fired().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cell.clock.step(SECOND);
    while fired().len() <= RUNS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let turn = fired().iter().position(|namespace| *namespace == NEIGHBOUR).expect("it fired");
    assert!(turn < RUNS / 2, "after {turn} others");
    drop(held);
}
