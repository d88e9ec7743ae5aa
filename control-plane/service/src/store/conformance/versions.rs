//! Counters, and versions that writers compare.

use super::*;
use crate::model::NamespaceState;
use crate::store::Counter;
use crate::test_support::namespace;

on_each_engine! {
    counters_rise_by_one_or_to_what_is_asked,
    of_writers_that_compare_a_version_none_overwrites_another,
}

async fn counters_rise_by_one_or_to_what_is_asked(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.store.begin(Lock::KeySet).await.unwrap();
    assert_eq!(transaction.counter(Counter::KeySet).await.unwrap(), 1);
    for (at_least, expected) in [(0, 2), (9, 9), (3, 10), (10, 11), (12, 12)] {
        assert_eq!(transaction.raise(Counter::KeySet, at_least).await.unwrap(), expected);
    }
    assert_eq!(transaction.counter(Counter::Routes).await.unwrap(), 1);
    assert!(transaction.raise(Counter::KeySet, u64::MAX).await.is_err());
    drop(transaction);
    let mut snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.counter(Counter::KeySet).await.unwrap(), 1, "undone");
}

/// Each reads a version, and changes the namespace only where it is still that one.
async fn of_writers_that_compare_a_version_none_overwrites_another(engine: Engine) {
    const WRITERS: i64 = 8;
    let world = World::new(engine).await;
    let orders = namespace("orders.acct1", 1);
    let mut transaction = world.write().await;
    transaction.insert_namespace(&orders).await.unwrap();
    transaction.commit().await.unwrap();
    let writers = (0..WRITERS).map(|_| {
        let (store, uuid) = (world.store.clone(), orders.uuid);
        tokio::spawn(async move {
            let mut tries = 0;
            loop {
                tries += 1;
                let known =
                    store.snapshot().await.unwrap().namespace(uuid).await.unwrap().unwrap().resource_version;
                let mut transaction = store.begin(Lock::Account("acct1")).await.unwrap();
                let read = transaction.namespace(uuid).await.unwrap().unwrap();
                if read.resource_version == known {
                    transaction.set_namespace_state(uuid, NamespaceState::Active).await.unwrap();
                    transaction.commit().await.unwrap();
                    return tries;
                }
            }
        })
    });
    let tries = futures::future::join_all(writers.collect::<Vec<_>>()).await;
    assert!(tries.iter().all(|tries| tries.as_ref().is_ok_and(|tries| *tries <= WRITERS)), "{tries:?}");
    let read = world.store.snapshot().await.unwrap().namespace(orders.uuid).await.unwrap().unwrap();
    assert_eq!(read.resource_version, 1 + WRITERS);
}
