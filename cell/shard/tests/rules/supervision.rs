//! What fails in one place costs a shard its memory at most, and health says so.

use crate::fixture::*;
use cell_memory::Owner;
use cell_shard::{LogInspector, ShardError};
use cell_store::fault::{Call, Fault};
use cell_store::{Append, Inspector, LogRow, ShardId, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const NONE: [String; 0] = [];

/// Long enough for what was lost to be taken back.
async fn a_while() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

async fn assert_serves(cell: &Cell) {
    for shard in 0..SHARDS {
        cell.run(&id_on(shard, 9), start()).await.unwrap();
    }
    assert_eq!(cell.runtime.serving(), SHARDS as usize);
}

#[tokio::test(start_paused = true)]
async fn a_projection_that_panics_hears_everything_in_the_next_term() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.out.before_durable(|| panic!("a mistake in a projection"));
    cell.run(&id, start()).await.expect("what is durable is answered");
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    let problems = cell.runtime.problems();
    assert!(problems.len() == 1 && problems[0].contains("a mistake in a projection"), "{problems:?}");
    a_while().await;
    assert_eq!(cell.out.usage_of(ShardId(0)).await.len(), 2, "nothing of it is lost");
    assert_eq!(cell.history(&id, 1, i64::MAX).await.len(), 2);
    assert_serves(&cell).await;
    assert!(cell.runtime.problems()[0].contains("shard 0 was given up 1 times of late"));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(cell.runtime.problems(), NONE);
}

#[tokio::test(start_paused = true)]
async fn effects_that_a_sink_panics_over_are_wanted_again() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.out.before_deliver(|| panic!("a mistake in a sink"));
    cell.run(&id, start()).await.unwrap();
    assert_eq!(cell.out.look(|out| out.effects.len()), 0);
    a_while().await;
    assert_eq!(cell.out.look(|out| out.effects.len()), 1);
    assert_serves(&cell).await;
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_panics_costs_its_shard_its_memory() {
    for call in [Call::Due, Call::Checkpoint, Call::Expired] {
        let first = Cell::new().await;
        let id = id_on(0, 0);
        first.run(&id, start()).await.unwrap();
        first.runtime.checkpoint_all().await.unwrap();
        let cell = first.another().await;
        a_while().await;
        cell.store.script(call, Fault::Panic);
        match call {
            Call::Checkpoint => {
                for _ in 0..20 {
                    cell.run(&id, signal_with("s", 1 << 20)).await.ok();
                }
            }
            _ => {
                cell.clock.step(3_600 * SECOND);
                tokio::time::sleep(Duration::from_secs(31)).await;
            }
        }
        a_while().await;
        let problems = cell.runtime.problems();
        assert!(
            problems.iter().any(|problem| problem.contains("a mistake in a store")),
            "{call:?}: {problems:?}"
        );
        assert!(!cell.history(&id, 1, i64::MAX).await.is_empty(), "{call:?}");
        assert_serves(&cell).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_committer_that_panics_costs_all_shards_their_memory_and_nothing_that_was_acknowledged() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, signal("acknowledged")).await.unwrap();
    cell.store.script(Call::Append, Fault::Panic);
    let lost = cell.run(&id, signal("lost")).await;
    assert!(matches!(lost, Err(ShardError::NotOwner(_))), "{lost:?}");
    assert_eq!(cell.runtime.serving(), 0);
    a_while().await;
    assert_eq!(cell.signals(&id).await, ["acknowledged"]);
    assert_serves(&cell).await;
}

#[tokio::test(start_paused = true)]
async fn a_relief_that_panics_costs_all_shards_their_memory_and_nothing_that_was_acknowledged() {
    const BUDGET: usize = 16 << 20;
    let cell = Cell::with_budget(config(), BUDGET).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, signal("acknowledged")).await.unwrap();
    // What changed is written then, so that it can go.
    cell.store.script(Call::Checkpoint, Fault::Panic);
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET * 7 / 8);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(cell.runtime.serving(), 0);
    drop(held);
    a_while().await;
    let problems = cell.runtime.problems();
    let said = "the relief loop failed 1 times of late: a mistake in a store";
    assert!(problems.iter().any(|problem| problem == said), "{problems:?}");
    assert_eq!(cell.signals(&id).await, ["acknowledged"]);
    assert_serves(&cell).await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_again_and_again_is_tried_once_a_minute_and_its_neighbours_serve() {
    let cell = Cell::new().await;
    for _ in 0..5 {
        assert!(cell.runtime.is_well());
        cell.out.before_deliver(|| panic!("a mistake in a sink"));
        cell.run(&id_on(0, 0), terminate()).await.ok();
        cell.run(&id_on(0, 0), start()).await.unwrap();
        a_while().await;
    }
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    assert!(!cell.runtime.is_well());
    let problems = cell.runtime.problems();
    let said = "shard 0 is not served, failed 5 times of late and is tried every 60 s only: ";
    assert!(problems[0].starts_with(said), "{problems:?}");
    cell.run(&id_on(1, 0), start()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_serves(&cell).await;
    assert!(!cell.runtime.is_well(), "that was a minute ago");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((cell.runtime.is_well(), cell.runtime.problems()), (true, NONE.to_vec()));
}

#[tokio::test(start_paused = true)]
async fn shards_whose_takeover_panics_for_hours_are_served_once_it_does_no_more() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    // The committer takes all shards with it.
    cell.store.script(Call::Append, Fault::Panic);
    for _ in 0..1_000 {
        cell.store.script(Call::Acquire, Fault::Panic);
    }
    cell.run(&id_on(0, 0), signal("lost")).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(cell.runtime.serving(), 0);
    assert!(!cell.runtime.is_well());
    let left = 1_000 - cell.store.calls(Call::Acquire);
    assert!((400..900).contains(&left), "{left} of 1000 are left after an hour");
    tokio::time::sleep(Duration::from_secs(4 * 3_600)).await;
    assert_serves(&cell).await;
    assert!(cell.runtime.is_well());
    assert_eq!(cell.history(&id_on(0, 0), 1, i64::MAX).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_one_of_several_shards_keeps_none_of_the_others_back() {
    let cell = Cell::new().await;
    cell.store.script(Call::Append, Fault::Panic);
    cell.run(&id_on(0, 0), start()).await.unwrap_err();
    // Of all together, then of the first alone.
    for _ in 0..2 {
        cell.store.script(Call::Acquire, Fault::Panic);
    }
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    a_while().await;
    assert_serves(&cell).await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_shard_refuses_itself() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id_on(1, 0), start()).await.unwrap();
    let last = cell.ledger.rows(ShardId(0)).pop().expect("its start");
    let broken = LogRow { seq: last.seq + 1, data: bytes::Bytes::from_static(&[0, 0, 0, 1]), ..last };
    let append = Append { shard: ShardId(0), rows: vec![broken], segments: Vec::new() };
    cell.engine().append(&[append]).await.unwrap();
    let found = cell.engine().acquire(&[ShardId(0)]).await.unwrap().remove(0);
    let refused = LogInspector::default().shard(found);
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "whoever looks before it starts: {refused:?}");
    let again = cell.another().await;
    assert_eq!(again.runtime.serving(), SHARDS as usize - 1);
    let problems = again.runtime.problems();
    assert!(
        problems.len() == 1 && problems[0].starts_with("shard 0 is not served: not taken over"),
        "{problems:?}"
    );
    assert_eq!(again.history(&id_on(1, 0), 1, i64::MAX).await.len(), 2);
    let refused = again.run(&id, signal("s")).await;
    assert!(matches!(refused, Err(ShardError::NotOwner(_))), "{refused:?}");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(again.runtime.serving(), SHARDS as usize - 1, "that needs a person");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_lost_its_end_stops_the_cell() {
    // Also those that are taken over together with it, before or behind it.
    for reacquired in [&[][..], &[0], &[0, 1], &[1, 0]] {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        cell.store.script(Call::Append, Fault::Forget);
        cell.run(&id, signal("forgotten")).await.expect("the store said that it has it");
        if !reacquired.is_empty() {
            let shards: Vec<ShardId> = reacquired.iter().copied().map(ShardId).collect();
            for (_, outcome) in cell.runtime.acquire(&shards).await {
                assert!(matches!(outcome, Err(ShardError::Store(StoreError::Unsafe(_)))), "{outcome:?}");
            }
        } else {
            let lost = cell.run(&id, signal("next")).await;
            assert!(matches!(lost, Err(ShardError::NotOwner(_))), "{lost:?}");
        }
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(cell.runtime.serving(), 0, "reacquired: {reacquired:?}");
        assert!(cell.runtime.halted().is_some_and(|why| why.contains("shard 0")));
        assert!(cell.runtime.problems()[0].starts_with("the cell stopped"));
        let refused = cell.run(&id_on(1, 0), start()).await;
        assert!(matches!(refused, Err(ShardError::NotOwner(_))), "{refused:?}");
    }
}

/// What a new owner found is gone before its ownership record is written. It has served nothing, yet others may have
/// seen those rows.
#[tokio::test(start_paused = true)]
async fn a_takeover_that_finds_less_than_it_has_just_read_stops_the_cell() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let next = cell.another_with(|store| store.script(Call::Append, Fault::WentBack)).await;
    let next = next.expect("it is there to say so");
    assert!(next.runtime.halted().is_some(), "{:?}", next.runtime.problems());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(next.runtime.serving(), 0);
    assert!(next.runtime.problems()[0].starts_with("the cell stopped"));
    let refused = next.run(&id, signal("next")).await;
    assert!(matches!(refused, Err(ShardError::NotOwner(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_finds_less_than_was_written_stops_the_cell() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    for _ in 0..3 {
        cell.store.script(Call::Append, Fault::Forget);
        cell.run(&id, signal("forgotten")).await.expect("the store said that it has it");
    }
    let lost = cell.runtime.checkpoint_all().await;
    assert!(matches!(lost, Err(ShardError::NotOwner(ShardId(0)))), "{lost:?}");
    assert!(cell.runtime.halted().is_some_and(|why| why.contains("shard 0")));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(cell.runtime.serving(), 0);
    // Of what was lost nothing stands in the run's row: else the recovery after next would pass over what has come to
    // stand at its positions since.
    let cell = cell.another().await;
    for kept in ["first", "second"] {
        cell.run(&id, signal(kept)).await.unwrap();
    }
    let cell = cell.another().await;
    assert_eq!(cell.signals(&id).await, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_cannot_be_acquired_in_time_is_in_the_way_of_no_other() {
    let cell = Cell::new().await;
    let away = || Fault::Before(StoreError::Unavailable("lock timeout".into()));
    // All together, then the first alone.
    let again = cell.another_with(|store| (0..2).for_each(|_| store.script(Call::Acquire, away()))).await;
    let again = again.expect("the others are served");
    assert_eq!(again.runtime.serving(), SHARDS as usize - 1);
    a_while().await;
    assert_serves(&again).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_while_a_shard_is_taken_back_is_waited_for() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.out.before_deliver(|| panic!("a mistake in a sink"));
    for _ in 0..20 {
        cell.store.script(Call::Acquire, Fault::Before(StoreError::Unavailable("away".into())));
    }
    cell.run(&id, start()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_serves(&cell).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_shard_is_taken_back_leaves_it_to_the_next_attempt() {
    let cell = Cell::new().await;
    cell.out.before_deliver(|| panic!("a mistake in a sink"));
    cell.store.script(Call::Acquire, Fault::Panic);
    cell.run(&id_on(0, 0), start()).await.unwrap();
    a_while().await;
    assert_serves(&cell).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_an_operator_tries_a_shard_again_leaves_it_to_the_next_attempt() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, PanicInApply).await.unwrap_err();
    let aside = cell.runtime.quarantined(None, 1).0.remove(0);
    cell.store.script(Call::Acquire, Fault::Panic);
    let retried = cell.runtime.retry_quarantined(&aside.key).await;
    assert!(matches!(retried, Err(ShardError::Panicked)), "{retried:?}");
    a_while().await;
    assert_serves(&cell).await;
    assert_eq!(cell.history(&id, 1, i64::MAX).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_for_long_while_a_shard_is_taken_back_is_waited_for() {
    for call in [Call::Acquire, Call::Append] {
        let cell = Cell::new().await;
        cell.out.before_deliver(|| panic!("a mistake in a sink"));
        cell.run(&id_on(0, 0), start()).await.unwrap();
        for _ in 0..20 {
            cell.store.script(call, Fault::Before(StoreError::Full("disk".into())));
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_serves(&cell).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_whose_log_takes_no_claim_is_given_up_alone() {
    let cell = Cell::new().await;
    cell.run(&id_on(1, 0), start()).await.unwrap();
    let ids: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    // The claims of all shards, then that of the first alone.
    for _ in 0..2 {
        cell.store.script(Call::Append, Fault::Before(StoreError::Corrupt("a page".into())));
    }
    for (shard, outcome) in cell.runtime.acquire(&ids).await {
        let damaged = matches!(outcome, Err(ShardError::Store(StoreError::Corrupt(_))));
        assert_eq!(damaged, shard == ShardId(0), "{shard}: {outcome:?}");
    }
    assert_eq!(cell.history(&id_on(1, 0), 1, i64::MAX).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn takeovers_that_fail_behind_their_ownership_record_are_few() {
    let cell = Cell::new().await;
    cell.out.before_deliver(|| panic!("a mistake in a sink"));
    for _ in 0..20_000 {
        cell.store.script(Call::Load, Fault::Before(StoreError::Unavailable("away".into())));
    }
    cell.run(&id_on(0, 0), start()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    let claims = cell.ledger.rows(ShardId(0)).iter().filter(|row| row.ownership).count();
    assert!((10..80).contains(&claims), "{claims} rows that are never trimmed in an hour");
    assert!(!cell.runtime.is_well());
    let problems = cell.runtime.problems();
    assert!(problems[0].contains("is tried every 60 s only: not taken over: "), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shard_whose_rows_cannot_be_read_is_refused_alone() {
    let cell = Cell::new().await;
    cell.run(&id_on(1, 0), start()).await.unwrap();
    let ids: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    let damaged = || cell.store.script(Call::Acquire, Fault::Before(StoreError::Corrupt("a page".into())));
    // All shards together, then the first alone.
    (0..2).for_each(|_| damaged());
    for (shard, outcome) in cell.runtime.acquire(&ids).await {
        let refused = matches!(outcome, Err(ShardError::Store(StoreError::Corrupt(_))));
        assert_eq!(refused, shard == ShardId(0), "{shard}: {outcome:?}");
    }
    assert_eq!(cell.history(&id_on(1, 0), 1, i64::MAX).await.len(), 2);
    // What is damaged by itself is not read again.
    let calls = cell.store.calls(Call::Acquire);
    damaged();
    let (_, outcome) = cell.runtime.acquire(&[ShardId(1)]).await.remove(0);
    assert!(matches!(outcome, Err(ShardError::Store(StoreError::Corrupt(_)))), "{outcome:?}");
    assert_eq!(cell.store.calls(Call::Acquire) - calls, 1);
}

/// A disk that fails as a whole says of every page that it cannot be read.
#[tokio::test(start_paused = true)]
async fn a_shard_that_could_not_be_read_for_a_while_is_served_once_it_can() {
    for call in [Call::Acquire, Call::Log] {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        cell.runtime.checkpoint_all().await.unwrap();
        cell.store.script(Call::Append, Fault::Before(StoreError::Corrupt("a page".into())));
        for _ in 0..3 {
            cell.store.script(call, Fault::Before(StoreError::Corrupt("a page".into())));
        }
        let lost = cell.run(&id, signal("lost")).await;
        assert!(matches!(lost, Err(ShardError::NotOwner(ShardId(0)))), "{lost:?}");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let attempts = || cell.store.calls(Call::Acquire) + cell.store.calls(Call::Log);
        let before = attempts();
        assert_eq!(cell.runtime.serving(), SHARDS as usize - 1, "{call:?}");
        let problems = cell.runtime.problems();
        assert!(problems[0].starts_with("shard 0 is not served: not taken over: "), "{problems:?}");
        tokio::time::sleep(Duration::from_secs(500)).await;
        assert_eq!(attempts(), before, "{call:?}: it is left alone for a while");
        tokio::time::sleep(Duration::from_secs(2_000)).await;
        cell.run(&id, signal("found")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_store_calls_corrupt_by_themselves_are_not_written_again() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let calls = cell.store.calls(Call::Append);
    cell.store.script(Call::Append, Fault::Before(StoreError::Corrupt("a page".into())));
    let lost = cell.run(&id, signal("lost")).await;
    assert!(matches!(lost, Err(ShardError::NotOwner(ShardId(0)))), "{lost:?}");
    assert_eq!(cell.store.calls(Call::Append) - calls, 1);
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_lost_the_claim_of_its_owner_stops_the_cell() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    cell.store.script(Call::Append, Fault::Forget);
    cell.acquire(&[ShardId(0)]).await;
    let (_, outcome) = cell.runtime.acquire(&[ShardId(0)]).await.remove(0);
    assert!(matches!(outcome, Err(ShardError::Store(StoreError::Unsafe(_)))), "{outcome:?}");
    assert!(cell.runtime.halted().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_loop_around_the_shards_that_fails_is_a_problem_of_the_same_cell() {
    let (cell, stop) = (Cell::new().await, CancellationToken::new());
    let kept = cell.runtime.keeper().keep("other", &stop, |_| {}, || async {});
    tokio::time::timeout(Duration::from_millis(1), kept).await.unwrap_err();
    assert_eq!(cell.runtime.problems(), ["the other loop failed 1 times of late: it ended by itself"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_keeps_no_promise_is_asked_for_no_shard_again() {
    let cell = Cell::new().await;
    cell.store.script(Call::Append, Fault::Before(StoreError::Corrupt("a page".into())));
    cell.store.script(Call::Acquire, Fault::Before(StoreError::Unsafe("commits are not synced".into())));
    cell.run(&id_on(0, 0), start()).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    let problems = cell.runtime.problems();
    assert!(problems.len() == 1 && problems[0].contains("commits are not synced"), "{problems:?}");
    cell.acquire(&[ShardId(0)]).await;
    assert_serves(&cell).await;
}

#[tokio::test(start_paused = true)]
async fn an_append_that_is_answered_in_part_leaves_nobody_waiting() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.store.script(Call::Append, Fault::Short);
    let unknown = tokio::time::timeout(Duration::from_secs(60), cell.run(&id, signal("s"))).await;
    assert!(matches!(unknown, Ok(Err(ShardError::NotOwner(_)))), "{unknown:?}");
    a_while().await;
    assert_eq!(cell.signals(&id).await, ["s"], "it was in");
    // The same of a claim.
    cell.store.script(Call::Append, Fault::Short);
    let taken = cell.runtime.acquire(&[ShardId(0)]).await;
    assert!(matches!(taken[..], [(ShardId(0), Err(ShardError::Store(StoreError::Corrupt(_))))]), "{taken:?}");
}
