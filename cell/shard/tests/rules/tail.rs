//! How long the log may grow before a checkpoint, and how much of a checkpoint goes in one piece.

use crate::fixture::*;
use cell_shard::ShardConfig;
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{ShardId, StoreError};
use futures::FutureExt;

/// Lets the runtime's own tasks go on until something is so.
async fn until(so: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never so");
}

#[tokio::test(start_paused = true)]
async fn the_longest_tail_of_the_node_is_shortened() {
    let cell = Cell::with(ShardConfig { node_tail_bytes: 8_000, ..config() }).await;
    let (long, short) = (id_on(2, 0), id_on(0, 0));
    cell.run(&short, start()).await.unwrap();
    cell.run(&long, start()).await.unwrap();
    while cell.ledger.advanced(ShardId(2)) == 0 {
        assert!(cell.runtime.tail_bytes() < 12_000, "nobody shortens it");
        cell.run(&long, signal("s")).await.unwrap();
        tokio::task::yield_now().await;
    }
    until(|| cell.runtime.tail_bytes() < 4_000).await;
    assert_eq!(cell.ledger.advanced(ShardId(0)), 0, "the others are left alone");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_shortened_keeps_no_other_from_it() {
    let cell = Cell::with(ShardConfig { node_tail_bytes: 8_000, ..config() }).await;
    let (stuck, other) = (id_on(2, 0), id_on(0, 0));
    cell.run(&stuck, start()).await.unwrap();
    cell.run(&other, start()).await.unwrap();
    cell.store.fail_checkpoints_of(Some(ShardId(2)));
    while cell.runtime.tail_bytes() < 40_000 {
        cell.run(&stuck, signal("s")).await.unwrap();
        tokio::task::yield_now().await;
    }
    let (rows, slices) = (cell.ledger.written().rows, cell.store.calls(Call::Checkpoint));
    // Enough for a few checkpoints, and less than what is stuck.
    while cell.ledger.written().rows - rows < 10_000 {
        cell.run(&other, signal("s")).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(cell.ledger.advanced(ShardId(0)) > 0);
    let slices = cell.store.calls(Call::Checkpoint) - slices;
    assert!(slices < 30, "{slices} slices: that is a checkpoint with almost every row");
}

#[tokio::test(start_paused = true)]
async fn a_failed_checkpoint_takes_nothing_off_the_tail_and_is_tried_again() {
    let cell = Cell::with(ShardConfig { tail_bytes: 4_000, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.store.script(Call::Checkpoint, Fault::Before(StoreError::Unavailable("away".into())));
    let before = cell.runtime.tail_bytes();
    cell.runtime.checkpoint_all().await.unwrap_err();
    assert_eq!(cell.runtime.tail_bytes(), before);
    // The slice is written, the position is not.
    cell.ledger.refuse_advances(true);
    cell.runtime.checkpoint_all().await.unwrap_err();
    assert_eq!(cell.runtime.tail_bytes(), before);
    while cell.runtime.tail_bytes() < 5_000 {
        cell.run(&id, signal("s")).await.unwrap();
    }
    cell.ledger.refuse_advances(false);
    for _ in 0..10 {
        cell.run(&id, signal("s")).await.unwrap();
    }
    until(|| cell.ledger.advanced(ShardId(0)) > 0).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.tail_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_checkpoint_could_not_pass_still_counts() {
    let cell = Cell::new().await;
    let (hot, cold) = (id_on(0, 0), id_on(0, 1));
    cell.run(&cold, start()).await.unwrap();
    cell.run(&hot, start()).await.unwrap();
    let before = cell.runtime.tail_bytes();
    let gate = Gate::new();
    cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
    let mut checkpoint = Box::pin(cell.runtime.checkpoint_all());
    assert!((&mut checkpoint).now_or_never().is_none());
    gate.arrived().await;
    cell.run(&hot, signal("meanwhile")).await.unwrap();
    gate.release();
    checkpoint.await.unwrap();
    let rows = cell.ledger.rows(ShardId(0));
    let left: usize = rows[rows.len() - 2..].iter().map(|row| row.data.len()).sum();
    assert!(left < before);
    assert_eq!(cell.runtime.tail_bytes(), left, "from the last row that the slice includes");
}

#[tokio::test(start_paused = true)]
async fn a_slice_ends_when_its_time_is_over() {
    let calls = async |slice_time| {
        let cell = Cell::with(ShardConfig { slice_time, ..config() }).await;
        for n in 0..10 {
            cell.run(&id_on(0, n), start()).await.unwrap();
        }
        let before = cell.store.calls(Call::Checkpoint);
        cell.runtime.checkpoint_all().await.unwrap();
        let again = cell.another().await;
        assert_eq!(again.history(&id_on(0, 9), 1, i64::MAX).await.len(), 2);
        cell.store.calls(Call::Checkpoint) - before
    };
    // One that moves the checkpoint of each shard, and one for the outbox of the shard that was used.
    let last_slices = u64::from(SHARDS) + 1;
    assert_eq!(calls(std::time::Duration::from_secs(60)).await, last_slices + 1);
    // A run and its current-run record for each workflow.
    assert_eq!(calls(std::time::Duration::ZERO).await, last_slices + 20);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_goes_a_few_rows_at_a_time() {
    const RUNS: u64 = 40;
    let cell = Cell::with(ShardConfig { slice_entities: 16, ..config() }).await;
    for n in 0..RUNS as usize {
        cell.run(&id_on(0, n), start()).await.unwrap();
        cell.run(&id_on(0, n), terminate()).await.unwrap();
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.clock.step(RETENTION + SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| out.deleted().len() as u64 == 2 * RUNS).await;
    let before = cell.store.calls(Call::Checkpoint);
    cell.runtime.checkpoint_all().await.unwrap();
    // A run and its current-run record each, one slice for the outbox, and the last slice of every shard.
    assert_eq!(cell.store.calls(Call::Checkpoint) - before, (2 * RUNS).div_ceil(16) + 1 + u64::from(SHARDS));
    assert_eq!(cell.store.stores().shards.expired(ShardId(0), i64::MAX, 9).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn the_tail_that_an_owner_finds_is_as_long_as_what_was_written() {
    let cell = Cell::with(ShardConfig { side_row_bytes: 0, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, signal("s")).await.unwrap();
    let written = cell.ledger.written();
    assert!(written.history > 0, "beside the log");
    let again = cell.another().await;
    assert_eq!(again.runtime.tail_bytes(), written.rows + written.history);
}

#[tokio::test(start_paused = true)]
async fn the_tails_of_a_node_are_shortened_once_they_are_as_long_as_they_may_be() {
    let write = async |node_tail_bytes| {
        let cell = Cell::with(ShardConfig { node_tail_bytes, ..config() }).await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        for _ in 0..20 {
            cell.run(&id, signal("s")).await.unwrap();
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        (cell.runtime.tail_bytes(), cell.ledger.advanced(ShardId(0)))
    };
    let (long, _) = write(usize::MAX).await;
    assert_eq!(write(long + 1).await, (long, 0));
    assert!(write(long).await.1 > 0);
}

#[tokio::test(start_paused = true)]
async fn more_in_memory_than_should_be_calls_for_a_checkpoint_once_enough_is_written() {
    // A run and its record.
    for (resident_entities, calls) in [(2, false), (1, true)] {
        let cell = Cell::with(ShardConfig { resident_entities, tail_bytes: 40_000, ..config() }).await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        while cell.ledger.written().rows < 20_000 {
            cell.run(&id, signal("s")).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(cell.ledger.advanced(ShardId(0)) > 0, calls, "{resident_entities} may stay");
    }
}
