//! A page of the database that is damaged.

use cell_store::{
    AppendOutcome, Checkpoint, EntityKey, EntityRow, Epoch, HistorySegment, Position, ShardId, ShardStore,
    StoreError,
};
use cell_store_sql::{SqliteOptions, SqliteStore};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

/// Rows, each of which fills most of a page.
const ROWS: usize = 40;
const DAMAGED: usize = 17;

fn key(n: usize) -> EntityKey {
    EntityKey::run(Uuid::nil(), format!("w{n:02}").as_str(), Uuid::from_u128(n as u128))
}

/// Bytes that stand in one page alone.
fn bytes(what: &str, n: usize) -> Vec<u8> {
    format!("{what} {n:02};").into_bytes().repeat(200)
}

fn entity(n: usize) -> EntityRow {
    EntityRow {
        key: key(n),
        snapshot: bytes("snapshot", n).into(),
        chunks: Vec::new(),
        position: Position { seq: 1, index: 0 },
        wake_at_ms: Some(n as i64),
        closed: true,
        delete_at_ms: Some(n as i64),
        billed_bytes: 1,
    }
}

fn segment(n: usize) -> HistorySegment {
    HistorySegment { branch: key(n), first_event_id: 1, last_event_id: 2, events: bytes("events", n).into() }
}

/// Makes the page that holds this no page of any kind.
fn damage(path: &Path, what: &[u8]) {
    let mut file = std::fs::read(path).expect("the database");
    let at = file.windows(what.len()).position(|window| window == what).expect("it stands there");
    let page_bytes = usize::from(u16::from_be_bytes([file[16], file[17]]));
    file[at / page_bytes * page_bytes] = 0x77;
    std::fs::write(path, file).expect("written");
}

/// A database in which everything is whole, and who owns its shard.
async fn whole() -> (SqliteStore, TempDir, Epoch) {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    let store = SqliteStore::connect(SqliteOptions::new(&path)).await.expect("a store");
    store.open(1, Uuid::nil()).await.expect("open");
    let epoch = store.acquire(&[ShardId(0)]).await.expect("acquire")[0].epoch;
    let mut slice = Checkpoint::empty(ShardId(0), epoch);
    slice.entities = (0..ROWS).map(entity).collect();
    slice.history = (0..ROWS).map(segment).collect();
    assert_eq!(store.checkpoint(&slice).await.expect("a checkpoint"), AppendOutcome::Accepted);
    (store, directory, epoch)
}

/// A database with these pages damaged.
async fn damaged(what: &[&[u8]]) -> (SqliteStore, TempDir) {
    let (store, directory, _) = whole().await;
    let path = directory.path().join("cell.db");
    store.close().await;
    what.iter().for_each(|what| damage(&path, what));
    (SqliteStore::connect(SqliteOptions::new(&path)).await.expect("a store"), directory)
}

fn is_corrupt<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Corrupt(_)))
}

#[tokio::test]
async fn a_damaged_row_is_corrupt_and_its_neighbours_are_not() {
    let (store, _directory) = damaged(&[&bytes("snapshot", DAMAGED), &bytes("events", DAMAGED)]).await;
    let all: Vec<(ShardId, EntityKey)> = (0..ROWS).map(|n| (ShardId(0), key(n))).collect();
    assert!(is_corrupt(&store.load(&all, usize::MAX).await));
    let (mut rows, mut segments) = (Vec::new(), Vec::new());
    for n in 0..ROWS {
        if is_corrupt(&store.load(&[(ShardId(0), key(n))], usize::MAX).await) {
            rows.push(n);
        }
        if is_corrupt(&store.segments(&[(ShardId(0), key(n), 1)]).await) {
            segments.push(n);
        }
    }
    assert!(rows.contains(&DAMAGED) && rows.len() <= 3, "{rows:?}: those that share its page");
    assert!(segments.contains(&DAMAGED) && segments.len() <= 3, "{segments:?}");
}

#[tokio::test]
async fn whatever_is_damaged_the_rest_is_due_and_expires() {
    let (store, _directory) = damaged(&[&bytes("snapshot", DAMAGED)]).await;
    let mut answers = Vec::new();
    for limit in [usize::MAX, 20] {
        let due = store.due(ShardId(0), 1_000, limit).await.expect("what can be read");
        let expired = store.expired(ShardId(0), 1_000, limit).await.expect("what can be read");
        assert_eq!(due, expired, "each has both moments at once");
        answers.push(due);
    }
    let found: Vec<i64> = answers[0].iter().map(|row| row.at_ms).collect();
    assert!(found.is_sorted() && found.len() >= ROWS - 3 && !found.contains(&(DAMAGED as i64)), "{found:?}");
    // As many as are wanted, though some of the first are damaged.
    assert_eq!(answers[1], answers[0][..20]);
}

#[tokio::test]
async fn a_block_that_cannot_be_read_is_damage_of_what_stands_there_and_no_outage() {
    let (store, directory, epoch) = whole().await;
    // What was written last stands at the end of the write-ahead log: the newest version of this row's page.
    let entities = vec![EntityRow { position: Position { seq: 2, index: 0 }, ..entity(DAMAGED) }];
    let slice = Checkpoint { entities, ..Checkpoint::empty(ShardId(0), epoch) };
    assert_eq!(store.checkpoint(&slice).await.expect("a checkpoint"), AppendOutcome::Accepted);
    let log =
        std::fs::OpenOptions::new().write(true).open(directory.path().join("cell.db-wal")).expect("a log");
    log.set_len(log.metadata().expect("a length").len() - 100).expect("shorter");
    let mut refused = Vec::new();
    for n in 0..ROWS {
        match store.load(&[(ShardId(0), key(n))], usize::MAX).await {
            Ok(rows) => assert!(rows[0].is_some(), "{n}"),
            Err(StoreError::Corrupt(_)) => refused.push(n),
            Err(error) => panic!("{n}: {error}"),
        }
    }
    assert!(refused.contains(&DAMAGED) && refused.len() <= 3, "{refused:?}: those that share its page");
    let due = store.due(ShardId(0), 1_000, usize::MAX).await.expect("what can be read");
    assert!(due.len() >= ROWS - 3, "{due:?}");
}
