//! Namespaces and routes.

use super::*;
use crate::model::{Namespace, NamespaceState};
use crate::test_support::namespace;

on_each_engine! {
    a_namespace_comes_back_whole,
    a_deleted_namespace_frees_its_name_and_keeps_its_row,
    changes_raise_version_and_generation_and_states_only_the_version,
    a_generation_only_rises,
    they_come_in_pages_without_those_that_are_deleted,
    routes_are_of_what_is_routed_and_has_a_cell,
}

async fn insert(world: &World, namespaces: &[Namespace]) {
    let mut transaction = world.store.begin(Lock::Placement("acct1")).await.unwrap();
    for namespace in namespaces {
        transaction.insert_namespace(namespace).await.unwrap();
        if let Some(cell) = &namespace.cell_id {
            transaction.set_namespace_cell(namespace.uuid, cell).await.unwrap();
        }
        assert_eq!(transaction.set_routed(namespace.uuid, namespace.routed).await.unwrap(), namespace.routed);
    }
    transaction.commit().await.unwrap();
}

/// One of the first account.
fn named(name: &str, number: u128) -> Namespace {
    namespace(&format!("{name}.acct1"), number)
}

async fn a_namespace_comes_back_whole(engine: Engine) {
    let world = World::new(engine).await;
    let whole = Namespace {
        tags: [("team".to_owned(), "a".to_owned())].into(),
        state: NamespaceState::Activating,
        cell_id: Some("a".to_owned()),
        routed: true,
        ..named("orders", u128::MAX - 7)
    };
    insert(&world, std::slice::from_ref(&whole)).await;
    let mut snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.namespace(whole.uuid).await.unwrap(), Some(whole.clone()));
    assert_eq!(snapshot.live_namespace("orders.acct1").await.unwrap(), Some(whole));
    assert_eq!(snapshot.live_namespace("orders.acct2").await.unwrap(), None);
}

async fn a_deleted_namespace_frees_its_name_and_keeps_its_row(engine: Engine) {
    let world = World::new(engine).await;
    let (first, second) = (named("orders", 1), named("orders", 2));
    insert(&world, std::slice::from_ref(&first)).await;
    let mut transaction = world.write().await;
    assert!(is_refused(transaction.insert_namespace(&second).await), "two live namespaces of one name");
    drop(transaction);
    let mut transaction = world.write().await;
    transaction.set_namespace_state(first.uuid, NamespaceState::Deleted).await.unwrap();
    transaction.insert_namespace(&second).await.unwrap();
    transaction.commit().await.unwrap();
    let mut snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.live_namespace("orders.acct1").await.unwrap(), Some(second));
    assert!(snapshot.namespace(first.uuid).await.unwrap().is_some());
}

async fn changes_raise_version_and_generation_and_states_only_the_version(engine: Engine) {
    let world = World::new(engine).await;
    let mut changed = named("orders", 1);
    insert(&world, std::slice::from_ref(&changed)).await;
    changed.spec.retention_days = 30;
    changed.tags.insert("team".to_owned(), "a".to_owned());
    changed.modified_ms = Some(12);
    changed.workflow_id = "w2".to_owned();
    let mut transaction = world.write().await;
    transaction.change_namespace(&changed).await.unwrap();
    transaction.set_namespace_state(changed.uuid, NamespaceState::Updating).await.unwrap();
    transaction.commit().await.unwrap();
    let read = world.store.snapshot().await.unwrap().namespace(changed.uuid).await.unwrap().unwrap();
    let expected =
        Namespace { state: NamespaceState::Updating, resource_version: 3, generation: 2, ..changed };
    assert_eq!(read, expected);
}

async fn a_generation_only_rises(engine: Engine) {
    let world = World::new(engine).await;
    let namespace = named("orders", 1);
    insert(&world, std::slice::from_ref(&namespace)).await;
    let mut transaction = world.write().await;
    for (to, expected) in [(9, 9), (4, 9), (9, 9), (i64::MAX, i64::MAX)] {
        transaction.raise_generation(namespace.uuid, to).await.unwrap();
        let read = transaction.namespace(namespace.uuid).await.unwrap().unwrap();
        assert_eq!((read.generation, read.resource_version), (expected, 1));
    }
}

async fn they_come_in_pages_without_those_that_are_deleted(engine: Engine) {
    let world = World::new(engine).await;
    let deleted = Namespace { state: NamespaceState::Deleted, ..named("b", 2) };
    insert(&world, &[named("c", 3), named("a-b", 4), deleted, named("a", 1), namespace("a.acct2", 5)]).await;
    let mut snapshot = world.store.snapshot().await.unwrap();
    for (after, only, limit, expected) in [
        ("", "", 9, &["a-b.acct1", "a.acct1", "c.acct1"][..]),
        ("", "", 2, &["a-b.acct1", "a.acct1"]),
        ("a.acct1", "", 2, &["c.acct1"]),
        ("", "c.acct1", 9, &["c.acct1"]),
        ("", "b.acct1", 9, &[]),
    ] {
        let found = snapshot.namespaces("acct1", after, only, limit).await.unwrap();
        assert_eq!(found.iter().map(|found| &found.cloud_id).collect::<Vec<_>>(), expected);
    }
}

async fn routes_are_of_what_is_routed_and_has_a_cell(engine: Engine) {
    let world = World::new(engine).await;
    let placed =
        |name, number, routed| Namespace { cell_id: Some("a".to_owned()), routed, ..named(name, number) };
    insert(&world, &[placed("b", 1, true), placed("c", 2, false), named("d", 3), placed("a", 4, true)]).await;
    let mut snapshot = world.store.snapshot().await.unwrap();
    let route = |name: &str| (format!("{name}.acct1"), "a".to_owned());
    assert_eq!(snapshot.routes().await.unwrap(), [route("a"), route("b")]);
    drop(snapshot);
    let mut transaction = world.write().await;
    let uuid = named("b", 1).uuid;
    assert!(!transaction.set_routed(uuid, true).await.unwrap(), "it is");
    assert!(transaction.set_routed(uuid, false).await.unwrap());
    assert_eq!(transaction.routes().await.unwrap(), [route("a")]);
}
