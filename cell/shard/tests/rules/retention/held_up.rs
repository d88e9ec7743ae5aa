//! What holds deletions up: rows that cannot be removed, a store that takes nothing, and checkpoints, which they wait
//! for.

use super::*;
use cell_memory::Owner;
use cell_shard::ShardError;

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_removed_are_the_trouble_of_one_and_it_stays_gone() {
    let cell = Cell::with(forgetful()).await;
    let ids: Vec<String> = (0..3).map(|n| id_on(0, n)).collect();
    let mut runs = Vec::new();
    for id in &ids {
        closed(&cell, id).await;
        runs.push(EntityKey::run(NAMESPACE, id.as_str(), run_id(&cell, id).await.unwrap()));
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.clock.step(RETENTION + HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| out.deleted().len() == 6).await;
    assert_eq!(removals(&cell, ShardId(0)).len(), 3);
    let standing = async |cell: &Cell| {
        let wanted: Vec<_> = runs.iter().map(|run| (ShardId(0), run.clone())).collect();
        cell.engine().load(&wanted, usize::MAX).await.unwrap().iter().map(Option::is_some).collect::<Vec<_>>()
    };

    cell.ledger.damage([runs[1].clone()]);
    cell.runtime.checkpoint_all().await.expect("one entity's trouble");
    assert_eq!(standing(&cell).await, [false, true, false]);
    let problems = cell.runtime.problems();
    let said = format!("shard 0: rows of 1 deleted entities cannot be removed, of {:?} for one: ", ids[1]);
    assert!(problems.len() == 1 && problems[0].starts_with(&said), "{problems:?}");
    let touched = cell.ledger.touched().entities;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.ledger.touched().entities, touched, "nobody tries again and again");
    let log = cell.engine().log(ShardId(0), 1, u64::MAX, usize::MAX).await.unwrap();
    assert!(log.iter().all(|row| row.ownership), "nothing holds the log: {log:?}");

    let again = cell.another().await;
    for id in &ids {
        assert_gone(&again, id).await;
    }
    again.clock.step(2 * HOUR);
    again.runtime.turn_hours_all().await.unwrap();
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(removals(&again, ShardId(0)).len(), 3, "what was deleted is deleted once");
    assert_eq!(again.runtime.problems().len(), 1, "it was tried");

    again.ledger.damage([]);
    let mended = again.another().await;
    mended.runtime.checkpoint_all().await.unwrap();
    assert_eq!(standing(&mended).await, [false; 3]);
    assert!(mended.runtime.problems().is_empty());
    let last = mended.another().await;
    assert_gone(&last, &ids[1]).await;
}

#[tokio::test(start_paused = true)]
async fn the_log_keeps_deletions_that_are_more_than_a_shard_can_set_aside() {
    let cell = Cell::with(forgetful()).await;
    let ids: Vec<String> = (0..1_001).map(|n| id_on(0, n)).collect();
    let mut runs = Vec::new();
    for id in &ids {
        closed(&cell, id).await;
        runs.push(EntityKey::run(NAMESPACE, id.as_str(), run_id(&cell, id).await.unwrap()));
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.damage(runs.clone());
    cell.clock.step(RETENTION + HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| out.deleted().len() == 2 * ids.len()).await;
    cell.runtime.checkpoint_all().await.expect_err("one too many");
    let problems = cell.runtime.problems();
    assert!(problems.iter().any(|it| it.contains("rows of 1000 deleted entities")), "{problems:?}");

    cell.ledger.damage([]);
    let mended = cell.another().await;
    for id in &ids {
        assert_gone(&mended, id).await;
    }
    mended.runtime.checkpoint_all().await.unwrap();
    let wanted: Vec<_> = runs.iter().map(|run| (ShardId(0), run.clone())).collect();
    assert!(mended.engine().load(&wanted, usize::MAX).await.unwrap().iter().all(Option::is_none));
    assert_eq!(mended.runtime.problems().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_of_what_was_deleted_go_by_themselves_on_a_quiet_shard() {
    const RUNS: usize = 12;
    let cell = Cell::with(ShardConfig { retention_batch: 4, ..forgetful() }).await;
    for n in 0..RUNS {
        closed(&cell, &id_on(0, n)).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    let expired = async |cell: &Cell| cell.engine().expired(ShardId(0), i64::MAX, 99).await.unwrap().len();
    assert_eq!(expired(&cell).await, RUNS);
    cell.clock.step(RETENTION + HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(expired(&cell).await, 0);
}

#[tokio::test(start_paused = true)]
async fn deletions_wait_for_a_store_that_takes_nothing_and_then_go_on() {
    const RUNS: usize = 60;
    let limits = ShardConfig { retention_batch: 1, batch_bytes: 2 << 10, ..forgetful() };
    let cell = Cell::with(limits).await;
    for n in 0..RUNS {
        closed(&cell, &id_on(0, n)).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    let sealed = cell.ledger.seals(ShardId(0));
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    cell.clock.step(RETENTION + HOUR);
    let behind = cell.runtime.turn_hours_all().await;
    assert!(matches!(behind, Err(ShardError::Overloaded(_))), "{behind:?}");
    let waits = cell.runtime.memory().of(Owner::Batches);
    assert!(waits <= 2 * (3 << 10), "{waits} bytes wait to be written");
    gate.release();
    cell.out.until(|out| !out.deleted().is_empty()).await;
    assert_eq!(cell.ledger.seals(ShardId(0)), sealed, "no hour is sealed before its deletions");
    while cell.runtime.turn_hours_all().await.is_err() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for n in 0..RUNS {
        assert_gone(&cell, &id_on(0, n)).await;
    }
    assert_eq!(removals(&cell, ShardId(0)).len(), RUNS);
    assert!(cell.ledger.seals(ShardId(0)) > sealed);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_deleted_than_checkpoints_keep_up_with() {
    const RUNS: usize = 100;
    let cell = Cell::with(ShardConfig { retention_batch: 1, ..forgetful() }).await;
    for n in 0..RUNS {
        closed(&cell, &id_on(0, n)).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.store.fail_checkpoints_of(Some(ShardId(0)));
    cell.clock.step(RETENTION + HOUR);
    for _ in 0..3 {
        let behind = cell.runtime.turn_hours_all().await;
        assert!(matches!(behind, Err(ShardError::Overloaded(_))), "{behind:?}");
    }
    // Each with its record.
    cell.out.until(|out| out.deleted().len() == 64).await;
    assert_eq!(deletions(&cell).len(), 32);
    cell.store.fail_checkpoints_of(None);
    while cell.runtime.turn_hours_all().await.is_err() {
        cell.runtime.checkpoint_all().await.unwrap();
    }
    cell.out.until(|out| out.deleted().len() == 2 * RUNS).await;
    assert_eq!(removals(&cell, ShardId(0)).len(), RUNS);
}

#[tokio::test(start_paused = true)]
async fn runs_that_are_to_stay_are_looked_past_a_few_times_and_not_with_every_batch() {
    const STAY: usize = 100;
    const GO: usize = 60;
    let cell = Cell::with(ShardConfig { retention_batch: 2, ..forgetful() }).await;
    let chain = id_on(0, 0);
    for _ in 0..STAY {
        closed(&cell, &chain).await;
    }
    cell.clock.step(SECOND);
    for n in 1..=GO {
        closed(&cell, &id_on(0, n)).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    // Nobody knows which run it names.
    cell.ledger.damage_reads([EntityKey::current_run(NAMESPACE, chain.as_str())]);
    cell.clock.step(RETENTION + HOUR);
    let looks = cell.store.calls(Call::Expired);
    cell.runtime.turn_hours_all().await.unwrap();
    let looks = cell.store.calls(Call::Expired) - looks;
    assert!(looks <= 20, "{looks} looks to delete {} batches", GO / 2);
    cell.out.until(|out| out.deleted().len() == 2 * GO).await;
    assert_eq!(removals(&cell, ShardId(0)).len(), GO);
}

#[tokio::test(start_paused = true)]
async fn as_many_deletions_as_a_batch_are_a_reason_for_a_checkpoint() {
    let cell = Cell::with(ShardConfig { retention_batch: 4, ..config() }).await;
    for n in 0..2 {
        closed(&cell, &id_on(0, n)).await;
    }
    let run = EntityKey::run(NAMESPACE, &*id_on(0, 0), run_id(&cell, &id_on(0, 0)).await.unwrap());
    cell.runtime.checkpoint_all().await.unwrap();
    cell.clock.step(RETENTION + SECOND);
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    cell.runtime.turn_hours_all().await.unwrap();
    gate.arrived().await;
    // Nothing of it is durable yet: a checkpoint that came now would remove nothing.
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.release();
    // Two runs and their records.
    cell.out.until(|out| out.deleted().len() == 4).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        cell.engine().load(&[(ShardId(0), run)], usize::MAX).await.unwrap(),
        [None],
        "nobody asked for it"
    );
}
