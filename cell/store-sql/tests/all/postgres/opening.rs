//! Databases that are looked at, opened and closed.

use super::{database, options};
use atoll_test_postgres::Server;
use cell_store::{
    Acquired, Append, AppendOutcome, Inspector, LogRow, ShardId, ShardStore, StoreError, StoreIdentity,
};
use cell_store_sql::{FoundCell, PostgresStore};
use uuid::Uuid;

/// Notes what it is shown.
#[derive(Default)]
pub(crate) struct Shown(Vec<Acquired>);

impl Inspector for Shown {
    fn shard(&mut self, found: Acquired) -> Result<(), StoreError> {
        self.0.push(found);
        Ok(())
    }
}

/// Refuses the shard of this number.
struct Refuses(u32);

impl Inspector for Refuses {
    fn shard(&mut self, found: Acquired) -> Result<(), StoreError> {
        if found.shard == ShardId(self.0) { Err(StoreError::Corrupt("refused".to_owned())) } else { Ok(()) }
    }
}

async fn look(url: &str) -> Result<Vec<Acquired>, StoreError> {
    let mut shown = Shown::default();
    let found = PostgresStore::inspect(&options(url), "cell", &mut shown).await?;
    assert_eq!(found == FoundCell::Whole, !shown.0.is_empty());
    Ok(shown.0)
}

#[tokio::test]
async fn a_look_shows_every_shard_as_it_stands_and_writes_nothing() {
    let server = Server::shared();
    let empty = server.database();
    assert_eq!(look(&server.url(&empty)).await.expect("nothing there"), []);
    assert_eq!(server.sql(&empty, "SELECT to_regclass('log') IS NULL"), "t");
    let url = server.url(&database().await);
    assert_eq!(look(&url).await.expect("no cell yet"), []);
    let store = PostgresStore::connect(options(&url)).await.expect("a store");
    store.open(3, Uuid::nil()).await.expect("open");
    let epoch = store.acquire(&[ShardId(1)]).await.expect("acquire")[0].epoch;
    let row = |seq| LogRow { seq, epoch, batch_id: Uuid::nil(), data: "data".into(), ownership: false };
    let append = Append { shard: ShardId(1), rows: vec![row(1), row(2)], segments: Vec::new() };
    assert_eq!(store.append(std::slice::from_ref(&append)).await.expect("append"), [AppendOutcome::Accepted]);
    for _ in 0..2 {
        let shown = look(&url).await.expect("a cell");
        let numbers: Vec<u32> = shown.iter().map(|found| found.shard.0).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!((shown[1].epoch, shown[1].last_seq, &shown[1].tail), (epoch, 2, &append.rows));
    }
    let refused = PostgresStore::inspect(&options(&url), "cell", &mut Refuses(1)).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}

#[tokio::test]
async fn a_first_start_that_did_not_get_far_is_told_from_none() {
    let url = Server::shared().url(&database().await);
    let found = async || {
        PostgresStore::inspect(&options(&url), "cell", &mut Shown::default()).await.expect("looked at")
    };
    assert_eq!(found().await, FoundCell::None);
    let store = PostgresStore::connect(options(&url)).await.expect("a store");
    store.claim("cell", "node").await.expect("nobody is there").release().await.expect("given up");
    assert_eq!(found().await, FoundCell::Claimed);
    store.open(1, Uuid::nil()).await.expect("open");
    assert_eq!(found().await, FoundCell::Whole);
}

#[tokio::test]
async fn a_damaged_log_or_a_missing_shard_is_seen() {
    let server = Server::shared();
    for (damage, seen) in [
        ("INSERT INTO log VALUES (1, 2, 1, false, gen_random_uuid(), '')", "shard 1: log row 1 is missing"),
        ("DELETE FROM shard WHERE shard = 2", "there is no shard 2"),
        ("DELETE FROM shard WHERE shard = 0", "impossible shard number"),
    ] {
        let name = database().await;
        let store = PostgresStore::connect(options(&server.url(&name))).await.expect("a store");
        store.open(3, Uuid::nil()).await.expect("open");
        server.sql(&name, damage);
        let refused = look(&server.url(&name)).await.expect_err("damaged");
        assert!(matches!(&refused, StoreError::Corrupt(why) if why.contains(seen)), "{refused}");
    }
}

#[tokio::test]
async fn why_a_database_is_not_opened_is_one_line_that_says_what_to_do() {
    let server = Server::shared();
    let name = server.database();
    server.sql(&name, "CREATE TABLE recipes (name text)");
    let opened = PostgresStore::connect(options(&server.url(&name))).await;
    let refused = opened.err().expect("foreign").to_string();
    let expected =
        "store is unsafe: belongs to another program (it holds a table recipes): use a database of its own";
    assert_eq!(refused, expected);
    assert_eq!(look(&server.url(&name)).await.expect_err("foreign").to_string(), expected);
    let nowhere = PostgresStore::connect(options("postgres://u:hush@127.0.0.1:1/d")).await;
    let nowhere = nowhere.err().expect("nobody listens");
    assert!(
        matches!(&nowhere, StoreError::Unavailable(why) if why.ends_with("that the URL has its host and port")),
        "{nowhere}"
    );
    assert!(!nowhere.to_string().contains("hush"), "{nowhere}");
}

#[tokio::test]
async fn of_processes_that_open_at_once_all_find_one_identity() {
    let url = Server::shared().url(&database().await);
    let open = |incarnation| {
        let options = options(&url);
        async move {
            let store = PostgresStore::connect(options).await.expect("a store");
            store.open(incarnation, Uuid::from_u128(incarnation.into())).await.expect("open")
        }
    };
    let (a, b, c) = tokio::join!(open(1), open(2), open(3));
    assert!(a == b && b == c, "{a:?} {b:?} {c:?}");
    let StoreIdentity { incarnation, shard_count } = a;
    assert_eq!(incarnation.as_u128(), shard_count.into());
}

#[tokio::test]
async fn a_closed_store_answers_unavailable() {
    let url = Server::shared().url(&database().await);
    let store = PostgresStore::connect(options(&url)).await.expect("a store");
    store.close().await;
    let refused = store.open(1, Uuid::nil()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
