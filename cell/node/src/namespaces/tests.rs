//! What a cell says that it holds is in force, whoever else brings the same, and whoever leaves meanwhile.

use super::CellRecords;
use crate::ports::RecordWriter;
use atoll_api::call::Code;
use atoll_internal_api::cell::v1::{ApplyKeySetRequest, KeyRecord, NamespaceSpec};
use bytes::Bytes;
use cell_frontend::auth::KeySet;
use cell_frontend::namespaces::{Namespace, NamespaceRegistry};
use cell_frontend::ports::NamespaceWriter;
use cell_store::fault::{Call, Fault, FaultStore, Gate};
use cell_store::{MemoryStore, PutOutcome, StoreError};
use std::sync::Arc;
use std::task::Poll;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

struct Cell {
    store: FaultStore,
    registry: Arc<NamespaceRegistry>,
    keys: Arc<KeySet>,
    records: Arc<CellRecords>,
}

impl Cell {
    async fn new() -> Self {
        Self::on(FaultStore::new(MemoryStore::new().stores(), 1)).await
    }

    /// The next life.
    async fn again(&self) -> Self {
        Self::on(self.store.clone()).await
    }

    async fn on(store: FaultStore) -> Self {
        let (registry, keys) = (Arc::default(), Arc::default());
        let metadata = store.stores().metadata;
        let records = CellRecords::load(metadata, Arc::clone(&registry), Arc::clone(&keys)).await.unwrap();
        Self { store, registry, keys, records: Arc::new(records) }
    }

    fn writer(&self) -> RecordWriter {
        RecordWriter { records: Arc::clone(&self.records), tasks: TaskTracker::new() }
    }

    /// Ids of the namespaces that stand in the store.
    async fn stored(&self) -> Vec<String> {
        let records = self.store.stores().metadata.list("namespace").await.unwrap();
        records.into_iter().map(|record| record.id).collect()
    }

    async fn assert_first_stands_alone(&self) {
        let first = Uuid::from_u128(1);
        assert_eq!(self.stored().await, [first.to_string()]);
        assert_eq!(self.registry.by_name("orders").expect("it is in force").id, first);
    }

    /// The next record is written, and its writer hears of it when the gate opens.
    fn hold_next(&self) -> Gate {
        let gate = Gate::new();
        self.store.script(Call::Put, Fault::HoldAfter(gate.clone()));
        gate
    }

    fn retention_days(&self) -> Option<i64> {
        self.registry.by_id(ID).map(|namespace| namespace.retention_nanos() / 86_400_000_000_000)
    }
}

const ID: Uuid = Uuid::from_u128(7);

fn key_set(generation: u64) -> ApplyKeySetRequest {
    let key = KeyRecord {
        key_id: "k".to_owned(),
        secret_sha256: Bytes::from_static(&[7; 32]),
        ..KeyRecord::default()
    };
    ApplyKeySetRequest { generation, keys: vec![key] }
}

fn kept_for(days: i64, generation: u64) -> NamespaceSpec {
    NamespaceSpec {
        id: Bytes::copy_from_slice(ID.as_bytes()),
        name: "orders".to_owned(),
        generation,
        retention: Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 }),
        ..NamespaceSpec::default()
    }
}

#[tokio::test]
async fn who_brings_keys_a_second_time_hears_that_they_are_held_when_they_are_in_force() {
    let cell = Cell::new().await;
    let gate = cell.hold_next();
    let records = Arc::clone(&cell.records);
    let first = tokio::spawn(async move { records.put_key_set(key_set(3)).await });
    gate.arrived().await;
    let mut second = std::pin::pin!(cell.records.put_key_set(key_set(3)));
    assert!(matches!(futures::poll!(&mut second), Poll::Pending), "the cell does not verify by them yet");
    gate.open();
    assert_eq!(second.await.unwrap(), 3);
    assert_eq!(cell.keys.generation(), 3);
    assert_eq!(first.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn keys_whose_bringer_left_are_in_force_when_the_next_one_hears_of_them() {
    for next in [2, 3] {
        let cell = Cell::new().await;
        let gate = cell.hold_next();
        let records = Arc::clone(&cell.records);
        let left = tokio::spawn(async move { records.put_key_set(key_set(3)).await });
        gate.arrived().await;
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());
        assert_eq!(cell.keys.generation(), 0);
        assert_eq!(cell.records.put_key_set(key_set(next)).await.unwrap(), 3);
        assert_eq!(cell.keys.generation(), 3, "generation {next} was brought");
    }
}

#[tokio::test]
async fn a_namespace_whose_bringer_left_is_in_force_when_the_next_one_hears_of_it() {
    let cell = Cell::new().await;
    assert_eq!(cell.records.put_namespace(kept_for(1, 1)).await.unwrap(), PutOutcome::Written);
    for (days, generation) in [(2, 2), (3, 3)] {
        let gate = cell.hold_next();
        let records = Arc::clone(&cell.records);
        let left = tokio::spawn(async move { records.put_namespace(kept_for(days, generation)).await });
        gate.arrived().await;
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());
        assert_eq!(cell.retention_days(), Some(days - 1));
        let again = cell.records.put_namespace(kept_for(days, generation)).await.unwrap();
        assert_eq!(again, PutOutcome::Stale(generation));
        assert_eq!(cell.retention_days(), Some(days));
    }
}

/// Where a restored control plane brings back what an operator has it overwrite.
#[tokio::test]
async fn a_namespace_that_comes_back_and_goes_again_is_emptied_again() {
    let cell = Cell::new().await;
    cell.records.put_namespace(kept_for(1, 5)).await.unwrap();
    cell.records.remove_namespace(ID, 6).await.unwrap();
    assert_eq!(cell.records.to_empty(), [(ID, 6)]);
    cell.records.put_namespace(kept_for(1, 7)).await.unwrap();
    assert_eq!(cell.records.to_empty(), [], "it is there");
    cell.records.remove_namespace(ID, 8).await.unwrap();
    cell.records.emptied(ID, 6).await.unwrap();
    assert_eq!(cell.records.to_empty(), [(ID, 8)], "that was about its first life");
    assert_eq!(cell.again().await.records.to_empty(), [(ID, 8)]);
    cell.records.emptied(ID, 8).await.unwrap();
    assert_eq!(cell.records.to_empty(), []);
    assert_eq!(cell.again().await.records.to_empty(), []);
    cell.records.remove_namespace(ID, 8).await.unwrap();
    assert_eq!(cell.records.to_empty(), [], "a repetition");
}

/// Removes the namespace with generation 6, and dies where the store's next put is held.
async fn dies_removing(cell: &Cell, hold: fn(Gate) -> Fault) {
    let gate = Gate::new();
    cell.store.script(Call::Put, hold(gate.clone()));
    let records = Arc::clone(&cell.records);
    let died = tokio::spawn(async move { records.remove_namespace(ID, 6).await });
    gate.arrived().await;
    died.abort();
    assert!(died.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_namespace_whose_removal_is_written_is_gone_in_the_next_life() {
    let cell = Cell::new().await;
    cell.records.put_namespace(kept_for(1, 5)).await.unwrap();
    dies_removing(&cell, Fault::HoldAfter).await;
    let next = cell.again().await;
    assert!(next.registry.by_id(ID).is_none(), "it does not come back");
    assert_eq!(next.stored().await, [""; 0]);
    assert_eq!(next.records.to_empty(), [(ID, 6)]);
    let late = next.records.put_namespace(kept_for(1, 6)).await.unwrap();
    assert_eq!(late, PutOutcome::Stale(6));
    assert!(next.registry.by_id(ID).is_none(), "a late call does not bring it back");
}

#[tokio::test]
async fn a_namespace_is_in_force_until_its_removal_is_written() {
    let cell = Cell::new().await;
    cell.records.put_namespace(kept_for(1, 5)).await.unwrap();
    dies_removing(&cell, Fault::HoldBefore).await;
    assert_eq!(cell.retention_days(), Some(1));
    assert_eq!(cell.records.to_empty(), []);
}

#[tokio::test]
async fn a_namespace_whose_removal_is_not_written_stands_in_the_next_life() {
    let cell = Cell::new().await;
    cell.records.put_namespace(kept_for(1, 5)).await.unwrap();
    dies_removing(&cell, Fault::HoldBefore).await;
    let next = cell.again().await;
    assert_eq!((next.retention_days(), next.stored().await), (Some(1), vec![ID.to_string()]));
    assert_eq!(next.records.to_empty(), []);
}

#[tokio::test]
async fn of_two_changes_that_a_tenant_makes_at_once_one_is_refused() {
    let cell = Cell::new().await;
    let writer = cell.writer();
    let change = |days| {
        let spec = kept_for(days, 1);
        Arc::new(Namespace { id: ID, name: spec.name.as_str().into(), spec })
    };
    let (first, second) = tokio::join!(writer.write(change(1)), writer.write(change(2)));
    assert_eq!(first, Ok(()));
    assert_eq!(second.unwrap_err().code, Code::Unavailable);
    assert_eq!(cell.retention_days(), Some(1), "what was refused is not in force");
}

/// A namespace of one name, with an id of its own.
fn orders(id: u128) -> Arc<Namespace> {
    let id = Uuid::from_u128(id);
    let spec = NamespaceSpec { id: Bytes::copy_from_slice(id.as_bytes()), ..kept_for(1, 1) };
    Arc::new(Namespace { id, name: spec.name.as_str().into(), spec })
}

#[tokio::test]
async fn of_namespaces_of_one_name_that_are_created_at_once_one_stands() {
    let cell = Cell::new().await;
    let writer = cell.writer();
    let creations = (1..=8).map(|id| writer.create(orders(id)));
    let created = futures::future::join_all(creations).await;
    assert_eq!(created.iter().filter(|created| **created == Ok(true)).count(), 1, "{created:?}");
    assert_eq!(created.iter().filter(|created| **created == Ok(false)).count(), 7, "{created:?}");
    let held = cell.registry.by_name("orders").expect("it is in force");
    assert_eq!(cell.stored().await, [held.id.to_string()]);
}

#[tokio::test]
async fn a_name_is_taken_also_while_its_creator_has_left() {
    for hold in [Fault::HoldBefore, Fault::HoldAfter] {
        let cell = Cell::new().await;
        let gate = Gate::new();
        cell.store.script(Call::Put, hold(gate.clone()));
        let first = cell.writer();
        let left = tokio::spawn(async move { first.create(orders(1)).await });
        gate.arrived().await;
        left.abort();
        let second = cell.writer();
        let mut next = std::pin::pin!(second.create(orders(2)));
        assert!(matches!(futures::poll!(&mut next), Poll::Pending), "the first is under way");
        gate.open();
        assert_eq!(next.await, Ok(false));
        cell.assert_first_stands_alone().await;
    }
}

#[tokio::test]
async fn a_name_is_taken_also_where_its_creator_does_not_know() {
    let cell = Cell::new().await;
    cell.store.script(Call::Put, Fault::After(StoreError::Unavailable("away".into())));
    let writer = cell.writer();
    assert_eq!(writer.create(orders(1)).await.unwrap_err().code, Code::Unavailable);
    assert_eq!(writer.create(orders(2)).await, Ok(false));
    cell.assert_first_stands_alone().await;
}
