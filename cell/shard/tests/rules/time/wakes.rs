//! Wake-ups: what is due, in memory and in the index of the store.

use super::*;

/// How many wake-ups are known of those that a cell has [`with_more_in_its_index`].
const KNOWN: usize = 200;

#[tokio::test(start_paused = true)]
async fn more_timers_than_one_look_at_the_index_finds_all_fire() {
    const TIMERS: usize = 30;
    let first = Cell::with(ShardConfig { due_rows: 4, ..config() }).await;
    for n in 0..TIMERS {
        let id = id_on(0, n);
        first.run(&id, start()).await.unwrap();
        first.work(&id, vec![timer("t", 60)]).await;
    }
    first.runtime.checkpoint_all().await.unwrap();
    // Nothing of them is in memory, and none is written again before all have fired.
    let cell = first.another().await;
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.clock.step(60 * SECOND);
    let woken = cell.out.until(|out| {
        let runs: BTreeSet<_> = out.effects.iter().map(|(_, run, _)| run.run_id).collect();
        runs.len() == TIMERS
    });
    tokio::time::timeout(Duration::from_secs(600), woken).await.expect("every timer fires");
}

#[tokio::test(start_paused = true)]
async fn one_call_wakes_all_that_is_due_however_little_one_look_at_the_index_finds() {
    const TIMERS: usize = 9;
    for apart in [0, 1] {
        let first = Cell::with(ShardConfig { due_rows: 2, ..config() }).await;
        for n in 0..TIMERS {
            let id = id_on(0, n);
            first.run(&id, start()).await.unwrap();
            first.work(&id, vec![timer("t", 60 - apart * n as i64)]).await;
        }
        first.runtime.checkpoint_all().await.unwrap();
        let cell = first.another().await;
        // Its own loops have looked, and sleep.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(cell.runtime.resident_ids(), 0);
        cell.clock.step(60 * SECOND);
        assert_eq!(cell.runtime.wake_all_due().await, TIMERS, "{apart} s apart");
        assert_eq!(cell.runtime.wake_all_due().await, 0, "{apart} s apart");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_in_a_removed_namespace_is_not_asked_for_again_and_again() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    // The clock of tests moves on by steps, that of the runtime by itself.
    for _ in 0..600 {
        cell.clock.step(SECOND / 10);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = cell.namespace.asked.swap(0, Ordering::Relaxed);
    assert!(asked < 20, "{asked} times in a minute");
    cell.namespace.removed.store(false, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    let fired = cell.out.until(|out| out.batches.iter().any(|(_, batch)| batch.at.0 > START + 170 * SECOND));
    tokio::time::timeout(Duration::from_secs(600), fired).await.expect("it fires once the namespace is back");
    assert!(has(&cell, EventType::TimerFired).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_in_a_removed_namespace_and_not_in_memory_is_not_forgotten() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    assert_eq!(cell.runtime.wake_all_due().await, 1);
    cell.namespace.removed.store(false, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    cell.runtime.wake_all_due().await;
    assert!(has(&cell, EventType::TimerFired).await);
}

#[tokio::test(start_paused = true)]
async fn what_stays_due_at_the_moment_at_which_it_is_due_waits_for_the_next_look() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    let woken = tokio::time::timeout(Duration::from_secs(1), cell.runtime.wake_all_due()).await;
    assert_eq!(woken.expect("not again and again"), 1);
    assert_eq!(cell.runtime.wake_all_due().await, 0);
    assert_eq!(cell.store.calls(Call::Due), 0, "the store has nothing that is not in memory");
}

/// Nothing that is known is due, and more is due than is known.
#[tokio::test(start_paused = true)]
async fn what_is_due_is_looked_for_however_little_memory_is_left() {
    const BUDGET: usize = 16 << 20;
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, BUDGET).await;
    let (due, later) = (id_on(0, 0), id_on(0, 1));
    for (id, seconds) in [(&due, 200), (&later, 400)] {
        cell.run(id, start()).await.unwrap();
        cell.work(id, vec![timer("t", seconds)]).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.run(&later, signal("s")).await.unwrap();
    assert_eq!(cell.runtime.known_wakes(), 1, "of what is in memory");
    cell.clock.step(200 * SECOND);
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    cell.runtime.wake_all_due().await;
    drop(held);
    assert!(has_at(&cell, &due, EventType::TimerFired).await);
}

/// A cell whose loops have looked at the index, which has a hundred sleepers more than are known.
async fn with_more_in_its_index() -> Cell {
    let first = Cell::with(ShardConfig { due_rows: KNOWN, ..config() }).await;
    sleepers(&first, KNOWN + 100).await;
    first.runtime.checkpoint_all().await.unwrap();
    let cell = first.another().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cell.runtime.known_wakes(), KNOWN);
    cell
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_due_does_not_wait_for_an_index_that_cannot_be_read() {
    let cell = with_more_in_its_index().await;
    for _ in 0..10 {
        cell.store.script(Call::Due, Fault::Before(StoreError::Unavailable("away".into())));
    }
    cell.clock.step(60 * SECOND);
    tokio::time::sleep(Duration::from_millis(29_500)).await;
    assert_eq!(cell.out.look(|out| out.effects.len()), KNOWN, "all of them with one look");
}

/// What another namespace wants may be in the part that is not known yet, and all of it takes turns.
#[tokio::test(start_paused = true)]
async fn where_there_is_room_the_index_is_read_before_what_is_known_is_woken() {
    let cell = with_more_in_its_index().await;
    let gate = Gate::new();
    for _ in 0..10 {
        cell.store.script(Call::Due, Fault::HoldBefore(gate.clone()));
    }
    cell.clock.step(60 * SECOND);
    tokio::time::sleep(Duration::from_millis(29_500)).await;
    assert_eq!(cell.out.look(|out| out.effects.len()), 0, "the index is being read");
    gate.open();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cell.out.look(|out| out.effects.len()), KNOWN + 100);
}

/// Runs of the first shard that wait for a timer of a minute.
async fn sleepers(cell: &Cell, count: usize) {
    for n in 0..count {
        let id = id_on(0, n);
        cell.run(&id, start()).await.unwrap();
        cell.work(&id, vec![timer("t", 60)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_due_and_is_not_in_memory_is_in_the_index_once_however_long_that_lasts() {
    const RUNS: usize = 10;
    // More than one look at the index reads, and looked at over and over.
    let cell = Cell::with(ShardConfig { resident_entities: 0, due_rows: 4, ..config() }).await;
    sleepers(&cell, RUNS).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((cell.runtime.resident_ids(), cell.runtime.known_wakes()), (0, RUNS));
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    let before = cell.namespace.asked.load(Ordering::Relaxed);
    for _ in 0..600 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let wakes = cell.runtime.known_wakes();
        assert!(wakes <= RUNS, "{wakes} wake-ups of {RUNS} runs");
    }
    let asked = cell.namespace.asked.load(Ordering::Relaxed) - before;
    assert!(asked <= 12 * RUNS as u64, "{asked} attempts in ten minutes");
    cell.namespace.removed.store(false, Ordering::Relaxed);
    for _ in 0..62 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for n in 0..RUNS {
        assert!(has_at(&cell, &id_on(0, n), EventType::TimerFired).await, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_that_are_due_together_leave_calls_their_turn() {
    const RUNS: usize = 500;
    let cell = Cell::new().await;
    sleepers(&cell, RUNS).await;
    cell.clock.step(60 * SECOND);
    let turns = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(cell.runtime.wake_all_due().await, RUNS);
    other.abort();
    assert!(turns.load(Ordering::Relaxed) >= RUNS / 64, "{turns:?} turns");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_and_not_in_memory_is_read_together() {
    const RUNS: usize = 128;
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    sleepers(&cell, RUNS).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.clock.step(60 * SECOND);
    let before = cell.store.calls(Call::Load);
    assert_eq!(cell.runtime.wake_all_due().await, RUNS);
    let loads = cell.store.calls(Call::Load) - before;
    assert!(loads <= 8, "{loads} reads");
    assert!(has_at(&cell, &id_on(0, RUNS - 1), EventType::TimerFired).await);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_takes_no_commands_is_not_asked_again_and_again() {
    const RUNS: usize = 300;
    let cell = Cell::new().await;
    sleepers(&cell, RUNS).await;
    cell.store.script(Call::Append, Fault::Before(StoreError::Full("disk".into())));
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let running = cell.begin_run(&id_on(1, 0), start());
    let running = tokio::spawn(running);
    gate.arrived().await;
    let before = cell.namespace.asked.load(Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    for _ in 0..600 {
        cell.clock.step(SECOND / 10);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Each attempt asks whether there is anything to load, and under the lock.
    let attempts = (cell.namespace.asked.load(Ordering::Relaxed) - before) / 2;
    assert!(attempts <= 64 * 61, "{attempts} attempts in a minute");
    gate.release();
    running.await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    cell.clock.step(SECOND);
    cell.runtime.wake_all_due().await;
    for n in 0..RUNS {
        assert!(has_at(&cell, &id_on(0, n), EventType::TimerFired).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_set_after_the_index_could_not_be_read_fires_in_time() {
    let first = Cell::new().await;
    first.run("elsewhere", start()).await.unwrap();
    let cell = first.another().await;
    // The loops have looked once and will look again within a minute.
    let away = || Fault::Before(StoreError::Unavailable("away".into()));
    (0..SHARDS).for_each(|_| cell.store.script(Call::Due, away()));
    let looked = cell.store.calls(Call::Due);
    while cell.store.calls(Call::Due) < looked + u64::from(SHARDS) {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 2)]).await;
    for _ in 0..4 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(has(&cell, EventType::TimerFired).await);
}

/// Nobody looks at what is due but the shard's own loop.
#[tokio::test(start_paused = true)]
async fn a_wake_up_that_is_refused_comes_again_by_itself() {
    for resident_entities in [200, 0] {
        let cell = Cell::with(ShardConfig { resident_entities, ..config() }).await;
        sleepers(&cell, 3).await;
        cell.runtime.checkpoint_all().await.unwrap();
        cell.store.script(Call::Append, Fault::Before(StoreError::Full("disk".into())));
        let gate = Gate::new();
        cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
        let running = tokio::spawn(cell.begin_run(&id_on(1, 0), start()));
        gate.arrived().await;
        let before = cell.namespace.asked.load(Ordering::Relaxed);
        for _ in 0..70 {
            cell.clock.step(SECOND);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let asked = cell.namespace.asked.load(Ordering::Relaxed) - before;
        assert!(asked >= 3, "they were due, and refused");
        gate.release();
        running.await.unwrap().unwrap();
        for _ in 0..5 {
            cell.clock.step(SECOND);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for n in 0..3 {
            assert!(has_at(&cell, &id_on(0, n), EventType::TimerFired).await, "{resident_entities}: {n}");
        }
    }
}
