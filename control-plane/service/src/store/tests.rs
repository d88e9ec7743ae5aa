use sqlx::{Executor, SqlSafeStr};
use tempfile::TempDir;

use super::counters::{self, Counter};
use super::*;
use crate::model::Account;
use crate::test_support::namespace;

async fn store(folder: &TempDir) -> Store {
    Store::open(&folder.path().join("db.sqlite")).await.unwrap()
}

fn account(id: &str) -> Account {
    Account { id: id.to_owned(), name: format!("name of {id}"), created_ms: 5 }
}

#[tokio::test]
async fn every_statement_is_valid_for_the_schema() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let mut connection = store.read().await.unwrap();
    let sql = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql");
    let mut statements = 0;
    for file in std::fs::read_dir(sql).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let prepared = connection.prepare(sqlx::AssertSqlSafe(text).into_sql_str()).await;
        assert!(prepared.is_ok(), "{}: {:?}", path.display(), prepared.err());
        statements += 1;
    }
    assert!(statements > 40, "only {statements} statements were found");
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let mut transaction = store.write().await.unwrap();
    accounts::insert(&mut transaction, &account("aaaaa")).await.unwrap();
    transaction.commit().await.unwrap();
    let mut dropped = store.write().await.unwrap();
    accounts::insert(&mut dropped, &account("bbbbb")).await.unwrap();
    drop(dropped);
    store.close().await;

    let store = Store::open(&folder.path().join("db.sqlite")).await.unwrap();
    let mut connection = store.read().await.unwrap();
    assert_eq!(accounts::get(&mut connection, "aaaaa").await.unwrap(), Some(account("aaaaa")));
    assert_eq!(accounts::get(&mut connection, "bbbbb").await.unwrap(), None);
}

#[tokio::test]
async fn counters_rise_by_one_or_to_what_is_asked() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let mut transaction = store.write().await.unwrap();
    assert_eq!(counters::get(&mut transaction, Counter::KeySet).await.unwrap(), 1);
    assert_eq!(counters::raise(&mut transaction, Counter::KeySet, 0).await.unwrap(), 2);
    assert_eq!(counters::raise(&mut transaction, Counter::KeySet, 9).await.unwrap(), 9);
    assert_eq!(counters::raise(&mut transaction, Counter::KeySet, 3).await.unwrap(), 10);
    assert_eq!(counters::get(&mut transaction, Counter::Routes).await.unwrap(), 1);
}

#[tokio::test]
async fn a_deleted_namespace_frees_its_name_and_keeps_its_row() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let mut transaction = store.write().await.unwrap();
    accounts::insert(&mut transaction, &account("acct1")).await.unwrap();
    regions::upsert(&mut transaction, "local", "").await.unwrap();
    let first = namespace("orders.acct1", 1);
    namespaces::insert(&mut transaction, &first).await.unwrap();
    assert_eq!(namespaces::live(&mut transaction, "orders.acct1").await.unwrap(), Some(first.clone()));
    let second = namespace("orders.acct1", 2);
    assert!(namespaces::insert(&mut transaction, &second).await.is_err(), "two live namespaces of one name");
    namespaces::set_state(&mut transaction, first.uuid, crate::model::NamespaceState::Deleted).await.unwrap();
    namespaces::insert(&mut transaction, &second).await.unwrap();
    assert_eq!(namespaces::live(&mut transaction, "orders.acct1").await.unwrap(), Some(second));
    assert!(namespaces::get(&mut transaction, first.uuid).await.unwrap().is_some());
}

#[tokio::test]
async fn changes_raise_version_and_generation_and_states_only_the_version() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let mut transaction = store.write().await.unwrap();
    accounts::insert(&mut transaction, &account("acct1")).await.unwrap();
    regions::upsert(&mut transaction, "local", "").await.unwrap();
    let mut changed = namespace("orders.acct1", 1);
    namespaces::insert(&mut transaction, &changed).await.unwrap();
    changed.spec.retention_days = 30;
    changed.tags.insert("team".to_owned(), "a".to_owned());
    namespaces::change(&mut transaction, &changed).await.unwrap();
    namespaces::set_state(&mut transaction, changed.uuid, crate::model::NamespaceState::Updating)
        .await
        .unwrap();
    let read = namespaces::get(&mut transaction, changed.uuid).await.unwrap().unwrap();
    assert_eq!((read.resource_version, read.generation), (3, 2));
    assert_eq!((read.spec, read.tags), (changed.spec, changed.tags));
    namespaces::raise_generation(&mut transaction, changed.uuid, 9).await.unwrap();
    namespaces::raise_generation(&mut transaction, changed.uuid, 4).await.unwrap();
    assert_eq!(namespaces::get(&mut transaction, changed.uuid).await.unwrap().unwrap().generation, 9);
}
