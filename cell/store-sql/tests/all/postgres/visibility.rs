//! Visibility on a real server: the suite that every engine passes, and its own promises.

mod cost;
mod faults;
mod pooled;
mod races;

use super::{Template, options};
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Server, Settings};
use cell_store_sql::{PostgresStore, PostgresVisibility};
use cell_visibility::conformance::open;
use cell_visibility::{
    Attributes, Deletion, ListRequest, MAX_PAGE, Predicate, Schema, Scope, Value, VisibilityRecord,
    VisibilityStore, compile,
};
use std::sync::Arc;
use uuid::Uuid;

/// A database that has its tables. Answers its name.
async fn database() -> String {
    static VISIBILITY: Template = Template::new();
    VISIBILITY.copy(async |options| connect(options).await.close().await).await
}

async fn connect(options: PostgresOptions) -> PostgresVisibility {
    PostgresVisibility::connect(options).await.expect("a store")
}

async fn fresh() -> ((), Arc<dyn VisibilityStore>) {
    ((), Arc::new(connect(options(&Server::shared().url(&database().await))).await))
}

cell_visibility::conformance_tests!(fresh);

const NAMESPACE: Uuid = Uuid::from_u128(0xa);

/// An open run, and what its attribute `Mine` says.
fn record(number: u128, position: u64, mine: &str) -> VisibilityRecord {
    VisibilityRecord {
        namespace_id: NAMESPACE,
        workflow_id: format!("workflow-{number};"),
        search_attributes: Attributes::from([("Mine".to_owned(), Value::Keyword(mine.to_owned()))]),
        position,
        ..open(number)
    }
}

fn deletion(record: &VisibilityRecord) -> Deletion {
    Deletion { key: record.key(), position: record.position, at_ms: 1 }
}

fn filter(text: &str) -> Predicate {
    let schema = Schema::with_custom([("Mine", cell_visibility::AttributeType::Keyword)]);
    compile(text, &schema, Scope::Default).expect("a filter")
}

async fn listed(store: &PostgresVisibility, text: &str) -> Vec<VisibilityRecord> {
    let predicate = filter(text);
    let request =
        ListRequest { namespace_id: NAMESPACE, predicate: &predicate, page_size: MAX_PAGE, after: None };
    store.list(request).await.expect("lists").records
}

#[tokio::test]
async fn a_database_of_a_cell_is_none_of_visibility_and_the_other_way_round() {
    let (cell, visibility) = (super::database().await, database().await);
    let url = |name: &str| options(&Server::shared().url(name));
    let refused = PostgresVisibility::connect(url(&cell)).await.err().expect("a cell's");
    assert!(refused.to_string().contains("what Atoll keeps for: cell"), "{refused}");
    let looked = PostgresVisibility::inspect(&url(&cell), "a").await.expect_err("a cell's");
    assert_eq!(looked.to_string(), refused.to_string());
    let refused = PostgresStore::connect(url(&visibility)).await.err().expect("another's");
    assert!(refused.to_string().contains("what Atoll keeps for: visibility"), "{refused}");
    assert!(PostgresVisibility::inspect(&url(&visibility), "a").await.expect("its own"));
    let empty = Server::shared().database();
    assert!(!PostgresVisibility::inspect(&url(&empty), "a").await.expect("an empty one"));
}

#[tokio::test]
async fn no_file_that_calls_wait_for_is_cut() {
    assert_eq!(super::cut_files(&database().await), "");
}

#[tokio::test]
async fn a_filter_of_many_terms_finds_what_has_all_of_them() {
    let store = connect(options(&Server::shared().url(&database().await))).await;
    store.upsert(&[record(1, 1, "mine"), record(2, 1, "other")]).await.expect("upserts");
    let many = |last: &str| vec!["Mine IN ('mine', 'x')"; 40].join(" AND ") + " AND " + last;
    assert_eq!(listed(&store, &many("Mine IN ('y', 'mine')")).await, [record(1, 1, "mine")]);
    assert_eq!(listed(&store, &many("Mine IN ('y', 'other')")).await, []);
}

#[tokio::test]
async fn lists_have_the_cell_that_claimed_them_first() {
    let options = options(&Server::shared().url(&database().await));
    let store = connect(options.clone()).await;
    for _ in 0..2 {
        store.claim("a").await.expect("its own");
    }
    let expected = "store is unsafe: the database belongs to cell \"a\", not to \"b\": use a database of its own, or \
                    start the cell with the id that it has";
    assert_eq!(store.claim("b").await.expect_err("another's").to_string(), expected);
    let looked = PostgresVisibility::inspect(&options, "b").await.expect_err("another's");
    assert_eq!(looked.to_string(), expected);
    assert!(PostgresVisibility::inspect(&options, "a").await.expect("its own"));
}

#[tokio::test]
async fn lists_of_an_earlier_version_are_nobodys_yet() {
    let name = database().await;
    Server::shared().sql(&name, "DROP TABLE owner; UPDATE atoll_schema SET version = 2");
    let options = options(&Server::shared().url(&name));
    assert!(PostgresVisibility::inspect(&options, "a").await.expect("nobody's"));
    connect(options.clone()).await.claim("a").await.expect("nobody's");
    PostgresVisibility::inspect(&options, "b").await.expect_err("another's");
}

#[tokio::test]
async fn a_server_that_may_lose_commits_is_noticed() {
    let server = Server::start(&Settings::default());
    let store = connect(options(&server.url(&server.database()))).await;
    server.set("fsync", "off");
    let lost = store.lost().await.to_string();
    assert!(lost.contains("fsync is off"), "{lost}");
}
