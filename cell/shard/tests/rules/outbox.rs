//! A projection whose sink is dead holds nothing up and loses nothing. The ledger of every cell checks
//! that no trim forgets usage that is in no outbox.

use crate::fixture::*;
use cell_engine::Registry;
use cell_shard::ShardError;
use cell_store::fault::{Call, Fault};
use cell_store::{ShardId, StoreError};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn the_trim_goes_on_and_items_come_back() {
    let cell = Cell::new().await;
    for n in 0..10 {
        cell.run(&id_on(0, n), start()).await.unwrap();
    }
    let before = cell.out.usage_of(ShardId(0)).await;
    assert_eq!(before.len(), 2 * 10, "an action and stored bytes each");
    cell.runtime.checkpoint_all().await.unwrap();
    let last = cell.ledger.rows(ShardId(0)).last().unwrap().seq;
    assert_eq!(cell.ledger.advanced(ShardId(0)), last);
    cell.run(&id_on(0, 0), signal("tail")).await.unwrap();
    let all = cell.out.usage_of(ShardId(0)).await;
    assert!(all.len() > before.len());

    let again = cell.another().await;
    let outbox = cell.engine().outbox(ShardId(0), "usage", None, usize::MAX, usize::MAX).await.unwrap();
    assert_eq!(outbox.len(), before.len());
    assert_eq!(again.out.usage_of(ShardId(0)).await, all, "from the outbox and from the tail");
    again.runtime.checkpoint_all().await.unwrap();
    let last = again.another().await;
    assert_eq!(last.out.usage_of(ShardId(0)).await, all);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_removed_once_its_item_is_taken_holds_up_nothing() {
    let cell = Cell::new().await;
    let standing = async |cell: &Cell| {
        let rows = cell.engine().outbox(ShardId(0), "usage", None, usize::MAX, usize::MAX).await.unwrap();
        rows.into_iter().map(|row| row.key).collect::<Vec<_>>()
    };
    for n in 0..3 {
        cell.run(&id_on(0, n), start()).await.unwrap();
    }
    cell.runtime.checkpoint_all().await.unwrap();
    let told = standing(&cell).await;
    cell.out.confirm_usage_of(ShardId(0)).await;
    cell.ledger.damage_outbox([told[1].clone()]);
    cell.run(&id_on(0, 3), start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.ledger.advanced(ShardId(0)), cell.ledger.rows(ShardId(0)).last().unwrap().seq);
    let left = standing(&cell).await;
    assert_eq!((left.len(), &left[0]), (1 + 2, &told[1]), "what is new, and what cannot go");
    let slices = cell.store.calls(Call::Checkpoint);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(
        cell.store.calls(Call::Checkpoint),
        slices + u64::from(SHARDS),
        "nobody tries again and again"
    );

    // The next owner tells it again, and tries once.
    cell.ledger.damage_outbox([]);
    let again = cell.another().await;
    again.out.confirm_usage_of(ShardId(0)).await;
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(standing(&again).await, Vec::<bytes::Bytes>::new());
}

/// A checkpoint on another thread in the middle of handing a batch on must not count it as told.
#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "a test of two threads")]
async fn a_checkpoint_does_not_pass_what_projections_have_not_heard() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let runtime = Arc::clone(&cell.runtime);
    cell.out.before_durable(move || {
        let checkpoint = move || futures::executor::block_on(runtime.checkpoint_all());
        std::thread::spawn(checkpoint).join().expect("no panic").expect("a checkpoint");
    });
    // Usage that changes no entity: the checkpoint has nothing to wait for.
    cell.runtime.record_usage(&current(&id), |now| metering_rules::query(NAMESPACE, now.millis()));
    let heard = |out: &Outside| out.batches.iter().map(|(_, batch)| batch.usage.len()).sum::<usize>();
    cell.out.until(|out| heard(out) == 3).await;
    cell.ledger.assert_sound();
    let told = cell.out.usage_of(ShardId(0)).await;
    assert_eq!(told.len(), 3);
    let again = cell.another().await;
    assert_eq!(again.out.usage_of(ShardId(0)).await, told);
}

/// An archive or a replica is written from these.
#[tokio::test(start_paused = true)]
async fn projections_are_told_the_records_themselves() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    cell.run(&id_on(0, 0), signal_with("large", 100 << 10)).await.unwrap();
    let kinds = Registry::default();
    let told = |cell: &Cell| {
        cell.out.look(|out| {
            let batches = out.batches.iter().filter(|(shard, _)| *shard == ShardId(0));
            let records = batches.flat_map(|(_, batch)| batch.records(&kinds).collect::<Vec<_>>());
            records.map(|record| record.expect("what is durable decodes").1).collect::<Vec<_>>()
        })
    };
    assert_eq!(told(&cell), cell.ledger.records(ShardId(0)));
    let beside = |cell: &Cell| {
        let bytes = |out: &Outside| {
            let segments = out.batches.iter().flat_map(|(_, batch)| batch.segments.clone());
            segments.map(|segment| segment.events.len()).sum::<usize>()
        };
        cell.out.look(bytes)
    };
    assert!(beside(&cell) > 100 << 10, "with the events that stand beside the log");
    // Whoever takes over tells of the tail, and of its own ownership record.
    let again = cell.another().await;
    assert_eq!(told(&again), again.ledger.records(ShardId(0)));
    assert_eq!(beside(&again), beside(&cell));
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_lost_is_forgotten() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    assert_eq!(cell.out.usage_of(ShardId(0)).await.len(), 2);
    let again = cell.another().await;
    cell.run(&id_on(0, 0), signal("late")).await.unwrap_err();
    assert!(cell.out.usage_of(ShardId(0)).await.is_empty());
    assert_eq!(again.out.usage_of(ShardId(0)).await.len(), 2, "it is the other's now");
}

#[tokio::test(start_paused = true)]
async fn operators_see_what_sinks_refuse_and_what_stands_in_the_outboxes_of_shards_that_are_served() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    assert_eq!(cell.runtime.set_aside(), []);
    cell.out.refuse_usage_of(ShardId(0)).await;
    assert_eq!(cell.runtime.set_aside(), [("usage", 2)]);
    assert_eq!(cell.runtime.outbox_sizes().await.unwrap(), []);
    cell.runtime.checkpoint_all().await.unwrap();
    let sizes = cell.runtime.outbox_sizes().await.unwrap();
    let sized: Vec<_> = sizes.iter().map(|size| (size.shard, &*size.projection, size.rows)).collect();
    assert_eq!(sized, [(ShardId(0), "usage", 2)]);
    let again = cell.another().await;
    cell.run(&id_on(0, 0), signal("late")).await.unwrap_err();
    assert_eq!(cell.runtime.outbox_sizes().await.unwrap(), [], "the other's");
    assert_eq!(again.runtime.outbox_sizes().await.unwrap(), sizes);
}

#[tokio::test(start_paused = true)]
async fn what_projections_are_told_of_a_log_has_no_gap() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let through = cell.ledger.advanced(ShardId(0));
    cell.run(&id, signal("tail")).await.unwrap();
    cell.clock.step(SECOND);
    let again = cell.another().await;
    again.run(&id, signal("more")).await.unwrap();
    for (cell, from, epoch) in [(&cell, 1, 1), (&again, through + 1, 2)] {
        let told = cell.out.look(|out| {
            let own = out.batches.iter().filter(|(shard, _)| *shard == ShardId(0));
            own.map(|(_, batch)| Arc::clone(batch)).collect::<Vec<_>>()
        });
        let mut next = from;
        for batch in &told {
            let rows: Vec<u64> = batch.rows.iter().map(|row| row.seq).collect();
            assert_eq!(rows, (next..batch.to_seq).collect::<Vec<_>>());
            assert_eq!((batch.from_seq, batch.epoch.0), (next, epoch));
            assert!(batch.at.0 >= START);
            next = batch.to_seq;
        }
        assert!(told.len() > 1);
    }
}

/// More than one slice takes.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_hands_over_all_that_its_trim_takes_however_much_that_is() {
    const RUNS: usize = 300;
    let cell = Cell::new().await;
    for n in 0..RUNS {
        cell.run(&id_on(0, n), start()).await.unwrap();
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.assert_sound();
    let sizes = cell.runtime.outbox_sizes().await.unwrap();
    assert_eq!(sizes.iter().map(|size| size.rows).sum::<u64>(), 2 * RUNS as u64);
}

async fn rows(cell: &Cell) -> usize {
    cell.engine().outbox(ShardId(0), "usage", None, usize::MAX, usize::MAX).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn what_sinks_have_taken_is_removed_though_nothing_else_is_written() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    cell.out.confirm_usage_of(ShardId(0)).await;
    assert_eq!(rows(&cell).await, 2);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(rows(&cell).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_whose_outbox_cannot_be_written_stays_where_it_is() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    // Entities are written, and then what the trim would forget.
    for fault in [Fault::None, Fault::Before(StoreError::Corrupt("a page".into()))] {
        cell.store.script(Call::Checkpoint, fault);
    }
    let failed = cell.runtime.checkpoint_all().await;
    assert!(matches!(failed, Err(ShardError::Store(StoreError::Corrupt(_)))), "{failed:?}");
    assert_eq!((cell.ledger.advanced(ShardId(0)), rows(&cell).await), (0, 0));
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(rows(&cell).await, 2);
}

#[tokio::test(start_paused = true)]
async fn health_says_since_when_a_sink_has_not_taken_what_it_was_told() {
    let cell = Cell::new().await;
    assert_eq!(cell.runtime.oldest_unconfirmed(), []);
    for n in 0..2 {
        cell.run(&id_on(n, 0), start()).await.unwrap();
        cell.clock.step(SECOND);
    }
    assert_eq!(cell.runtime.oldest_unconfirmed(), [("usage", START / 1_000_000)]);
    cell.out.confirm_usage_of(ShardId(0)).await;
    assert_eq!(cell.runtime.oldest_unconfirmed(), [("usage", (START + SECOND) / 1_000_000)]);
}
