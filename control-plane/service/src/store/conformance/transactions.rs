//! What stands, who sees it, and who waits for whom.

use super::*;
use crate::store::Counter;

on_each_engine! {
    what_was_committed_is_there_after_opening_again_and_nothing_else,
    one_that_is_dropped_is_undone_and_lets_others_in,
    a_reader_sees_one_moment_while_a_writer_writes,
    a_writer_reads_what_it_wrote_and_nobody_else_does,
    writers_of_one_account_see_each_others_work,
    writers_of_several_accounts_raise_one_counter_and_none_waits_for_ever,
    every_lock_is_given_and_given_again,
}

async fn what_was_committed_is_there_after_opening_again_and_nothing_else(engine: Engine) {
    let World { place, store } = World::new(engine).await;
    let mut kept = store.begin(Lock::Accounts).await.unwrap();
    kept.insert_account(&account("acct3")).await.unwrap();
    kept.commit().await.unwrap();
    let mut dropped = store.begin(Lock::Accounts).await.unwrap();
    dropped.insert_account(&account("acct4")).await.unwrap();
    drop(dropped);
    store.close().await;
    assert!(store.snapshot().await.is_err() && store.begin(Lock::Cells).await.is_err(), "it is closed");

    let store = place.open().await;
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.account("acct3").await.unwrap(), Some(account("acct3")));
    assert_eq!(snapshot.account("acct4").await.unwrap(), None);
}

async fn one_that_is_dropped_is_undone_and_lets_others_in(engine: Engine) {
    let world = World::new(engine).await;
    // More than there are connections.
    for _ in 0..20 {
        let mut transaction = world.write().await;
        transaction.insert_operation(&operation("acct1", "one", 5)).await.unwrap();
        transaction.raise(Counter::KeySet, 0).await.unwrap();
    }
    let mut transaction = world.write().await;
    assert_eq!(transaction.operation("acct1/one").await.unwrap(), None);
    assert_eq!(transaction.counter(Counter::KeySet).await.unwrap(), 1);
}

async fn a_reader_sees_one_moment_while_a_writer_writes(engine: Engine) {
    let world = World::new(engine).await;
    let mut reader = world.store.snapshot().await.unwrap();
    assert_eq!(reader.counter(Counter::KeySet).await.unwrap(), 1);
    let mut writer = world.write().await;
    writer.insert_api_key(&key("k1")).await.unwrap();
    writer.raise(Counter::KeySet, 0).await.unwrap();
    assert_eq!(reader.key_set().await.unwrap().len(), 0);
    writer.commit().await.unwrap();
    assert_eq!(reader.key_set().await.unwrap().len(), 0);
    assert_eq!(reader.counter(Counter::KeySet).await.unwrap(), 1);
    let mut later = world.store.snapshot().await.unwrap();
    assert_eq!(later.counter(Counter::KeySet).await.unwrap(), 2);
    assert_eq!(later.key_set().await.unwrap().len(), 1);
}

async fn a_writer_reads_what_it_wrote_and_nobody_else_does(engine: Engine) {
    let world = World::new(engine).await;
    let mut writer = world.write().await;
    writer.insert_api_key(&key("k1")).await.unwrap();
    assert!(writer.api_key("k1").await.unwrap().is_some());
    assert_eq!(world.store.snapshot().await.unwrap().api_key("k1").await.unwrap(), None);
    writer.commit().await.unwrap();
    assert!(world.store.snapshot().await.unwrap().api_key("k1").await.unwrap().is_some());
}

/// Each inserts the operation where there is none yet: what it checks is still true when it writes.
async fn writers_of_one_account_see_each_others_work(engine: Engine) {
    let world = World::new(engine).await;
    for round in 0..10 {
        let id = format!("o{round}");
        let write = async || {
            let mut transaction = world.write().await;
            let found = transaction.operation_by_id("acct1", &id).await.unwrap().is_some();
            if !found {
                transaction.insert_operation(&operation("acct1", &id, 5)).await.unwrap();
                transaction.commit().await.unwrap();
            }
            found
        };
        let (first, second) = tokio::join!(write(), write());
        assert!(first != second, "one of the two finds it");
    }
}

async fn writers_of_several_accounts_raise_one_counter_and_none_waits_for_ever(engine: Engine) {
    const ROUNDS: u64 = 20;
    let world = World::new(engine).await;
    let writers = ACCOUNTS.map(|account_id| {
        let store = world.store.clone();
        tokio::spawn(async move {
            let mut values = Vec::new();
            for round in 0..ROUNDS {
                let mut transaction = store.begin(Lock::Account(account_id)).await.unwrap();
                let operation = operation(account_id, &format!("o{round}"), 5);
                transaction.insert_operation(&operation).await.unwrap();
                values.push(transaction.raise(Counter::KeySet, 0).await.unwrap());
                transaction.commit().await.unwrap();
            }
            values
        })
    });
    let [first, second] = writers;
    let mut values = first.await.unwrap();
    values.extend(second.await.unwrap());
    values.sort_unstable();
    let expected: Vec<u64> = (2..=1 + 2 * ROUNDS).collect();
    assert_eq!(values, expected, "each value once");
}

async fn every_lock_is_given_and_given_again(engine: Engine) {
    let world = World::new(engine).await;
    for lock in [
        Lock::Accounts,
        Lock::Account("acct1"),
        Lock::Account("nobody"),
        Lock::Placement("acct1"),
        Lock::Cells,
        Lock::Cell("a"),
        Lock::Cell("nowhere"),
        Lock::KeySet,
    ] {
        for _ in 0..2 {
            world.store.begin(lock).await.unwrap().commit().await.unwrap();
        }
    }
}
