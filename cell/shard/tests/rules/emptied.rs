//! What the shards hold of a removed namespace goes, and nothing is billed for it any more.

use crate::fixture::*;
use atoll_internal_api::usage::v1::StorageClass;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use cell_engine::Time;
use cell_shard::{ShardConfig, ShardError};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{EntityKey, ShardId, StoreError};
use futures::FutureExt;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

/// Empties the namespace; answers whether nothing is left.
async fn empty(cell: &Cell) -> Result<bool, ShardError> {
    cell.runtime.empty_namespaces(&[NAMESPACE]).await.remove(0)
}

/// Few entities go at once.
fn small() -> ShardConfig {
    ShardConfig { retention_batch: 2, slice_entities: 3, ..config() }
}

/// History bytes that are billed, by class of storage.
fn billed(cell: &Cell) -> BTreeMap<StorageClass, i64> {
    let mut billed = BTreeMap::new();
    for record in (0..SHARDS).flat_map(|shard| cell.ledger.records(ShardId(shard))) {
        let entries = record.transitions.iter().flat_map(|transition| &transition.usage).chain(&record.usage);
        for entry in entries {
            if let Some(Kind::Storage(delta)) = &entry.kind {
                *billed.entry(delta.class()).or_default() += delta.bytes;
            }
        }
    }
    billed.retain(|_, bytes| *bytes != 0);
    billed
}

/// Everything that is stored.
async fn stored(cell: &Cell) -> Vec<EntityKey> {
    let (engine, mut all) = (cell.engine(), Vec::new());
    for shard in 0..SHARDS {
        let names = engine.of_namespace(ShardId(shard), NAMESPACE, None, usize::MAX);
        all.extend(names.await.expect("readable"));
    }
    all
}

/// Runs that are open, that have messages to send, that are closed and that are kept aside; and what is alone in its
/// family.
async fn fill(cell: &Cell) {
    for n in 0..6 {
        cell.run(&format!("open-{n}"), start_with(100)).await.unwrap();
        cell.run(&format!("closed-{n}"), start_with(100)).await.unwrap();
        cell.run(&format!("closed-{n}"), terminate()).await.unwrap();
        let at = alarm(&format!("alarm-{n}"));
        cell.runtime.execute(&at, Set(Time(START + 3_600 * SECOND), "note")).await.unwrap();
    }
    cell.run("parent", start()).await.unwrap();
    cell.work("parent", vec![child("child"), activity("a", 0)]).await;
    cell.run("bad", start_with(100)).await.unwrap();
    cell.run("bad", PanicInApply).await.unwrap_err();
}

fn remove(cell: &Cell) {
    cell.namespace.removed.store(true, Ordering::Relaxed);
}

#[tokio::test(start_paused = true)]
async fn everything_goes_and_no_storage_is_billed_for_it_any_more() {
    for written in [false, true] {
        let cell = Cell::with(small()).await;
        fill(&cell).await;
        if written {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        assert_eq!(billed(&cell).len(), 2, "of open and of closed runs");
        remove(&cell);
        assert!(empty(&cell).await.unwrap());
        assert_eq!(billed(&cell), BTreeMap::new(), "written before: {written}");
        assert_eq!(stored(&cell).await, []);
        assert_eq!(cell.waiting().await, []);
        assert_eq!((cell.runtime.open_runs(), cell.runtime.quarantined(None, 0).1), (0, 0));
        assert!(empty(&cell).await.unwrap(), "again");
        assert_eq!(billed(&cell), BTreeMap::new());
        let again = cell.another().await;
        assert_eq!(again.runtime.resident_ids(), 0);
        assert!(again.runtime.read(&current("open-0"), |view| view.run.is_none()).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_in_the_middle_leaves_the_rest_to_the_next_life_and_takes_nothing_off_twice() {
    let mut kills = 0;
    for appends in 0..40 {
        for hold in [Fault::HoldBefore, Fault::HoldAfter] {
            let cell = Cell::with(small()).await;
            fill(&cell).await;
            cell.runtime.checkpoint_all().await.unwrap();
            remove(&cell);
            let gate = Gate::new();
            (0..appends).for_each(|_| cell.store.script(Call::Append, Fault::None));
            cell.store.script(Call::Append, hold(gate.clone()));
            tokio::select! {
                biased;
                () = gate.arrived() => kills += 1,
                emptied = empty(&cell) => assert!(emptied.unwrap()),
            }
            let again = cell.another().await;
            gate.open();
            remove(&again);
            assert!(empty(&again).await.unwrap());
            assert_eq!(billed(&again), BTreeMap::new(), "killed at append {appends}");
            assert_eq!(stored(&again).await, []);
        }
    }
    assert!(kills >= 20, "{kills} kills");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_waits_while_its_namespace_is_emptied_is_refused() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..small() }).await;
    cell.run("w", start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Load, Fault::HoldBefore(gate.clone()));
    let late = cell.begin_run("w", signal("late"));
    let empties = async {
        gate.arrived().await;
        remove(&cell);
        assert!(empty(&cell).await.unwrap());
        gate.open();
    };
    let (late, ()) = tokio::join!(late, empties);
    assert!(matches!(late, Err(ShardError::UnknownNamespace(NAMESPACE))), "{late:?}");
    assert_eq!(stored(&cell).await, []);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_stays_and_is_tried_again() {
    let cell = Cell::with(small()).await;
    cell.run("w", start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    remove(&cell);
    let corrupt = || Fault::Before(StoreError::Corrupt("a page".into()));
    for fault in [corrupt(), corrupt()] {
        cell.store.script(Call::Load, fault);
    }
    assert!(!empty(&cell).await.unwrap(), "nobody knows what was billed for it");
    assert_eq!(cell.runtime.quarantined(None, 0).1, 1, "operators see it");
    assert!(empty(&cell).await.unwrap());
    assert_eq!((stored(&cell).await, billed(&cell)), (vec![], BTreeMap::new()));
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_serves_all_that_are_emptied_with_it() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    remove(&cell);
    let ids: Vec<Uuid> = std::iter::once(NAMESPACE).chain((1..20).map(Uuid::from_u128)).collect();
    let slices = cell.store.calls(Call::Checkpoint);
    assert!(cell.runtime.empty_namespaces(&ids).await.iter().all(|empty| matches!(empty, Ok(true))));
    let slices = cell.store.calls(Call::Checkpoint) - slices;
    // The last slice of every shard; of the one that held something entities and outbox before, and behind it another
    // checkpoint that removes rows.
    assert_eq!(slices, u64::from(SHARDS) + 2 + 3);
    assert_eq!(stored(&cell).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_known_keeps_what_it_holds() {
    let cell = Cell::with(small()).await;
    cell.run("w", start()).await.unwrap();
    assert!(!empty(&cell).await.unwrap());
    cell.run("w", signal("s")).await.unwrap();
    assert_eq!(cell.signals("w").await, ["s"]);
}

/// What stands in its log alone is in no row that could be gone through.
#[tokio::test(start_paused = true)]
async fn a_shard_that_is_lost_meanwhile_is_not_taken_for_empty() {
    let cell = Cell::new().await;
    let (lost, other) = (id_on(0, 0), id_on(1, 0));
    let gate = Gate::new();
    cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
    // Another checkpoint is on its way, of nothing, when the shard is given up.
    let mut first = Box::pin(cell.runtime.checkpoint_all());
    tokio::select! {
        biased;
        () = gate.arrived() => {}
        done = &mut first => panic!("nothing was held: {done:?}"),
    }
    for id in [&lost, &other] {
        cell.run(id, start()).await.unwrap();
    }
    remove(&cell);
    let mut emptied = Box::pin(empty(&cell));
    assert!((&mut emptied).now_or_never().is_none(), "it waits for the other one");
    cell.namespace.removed.store(false, Ordering::Relaxed);
    cell.store.script(Call::Append, Fault::Before(StoreError::Corrupt("a page".into())));
    cell.run(&lost, signal("s")).await.unwrap_err();
    remove(&cell);
    gate.open();
    first.await.unwrap_err();
    let outcome = emptied.await;
    assert!(matches!(outcome, Err(ShardError::NotOwner(ShardId(0)))), "{outcome:?}");
    let left = cell.engine().of_namespace(ShardId(1), NAMESPACE, None, 9).await.unwrap();
    assert_eq!(left, [], "the others were gone through");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(empty(&cell).await.unwrap());
    assert_eq!((stored(&cell).await, billed(&cell)), (vec![], BTreeMap::new()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_goes_once_an_operator_has_dropped_it() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let names = cell.engine().of_namespace(ShardId(0), NAMESPACE, None, 9).await.unwrap();
    remove(&cell);
    cell.ledger.damage(names.clone());
    cell.ledger.damage_reads(names.clone());
    assert!(!empty(&cell).await.unwrap());
    for key in &names {
        cell.runtime.drop_quarantined(key).await.unwrap_err();
        cell.runtime.drop_unread(key).await.unwrap();
    }
    assert!(empty(&cell).await.unwrap(), "it is gone, though rows of it stand");
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_no_row_of_an_entity_is_something() {
    for apart in [true, false] {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        let run = cell.runtime.read(&current(&id), |view| view.run.map(|run| run.run_id())).await.unwrap();
        let key = EntityKey::run(NAMESPACE, id.as_str(), run.expect("it runs"));
        cell.run(&id, PanicInApply).await.unwrap_err();
        cell.ledger.damage([key.clone()]);
        cell.ledger.damage_apart(!apart);
        remove(&cell);
        assert!(!empty(&cell).await.unwrap(), "its steps are elsewhere");
        assert_eq!(stored(&cell).await, [], "and no row says so");
        cell.runtime.drop_unread(&key).await.unwrap();
        assert!(empty(&cell).await.unwrap());
    }
}
