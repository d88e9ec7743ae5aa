//! A disk that is full, and a log that would fill it.

use cell_store::{Append, AppendOutcome, Epoch, LogRow, ShardId, ShardStore, StoreError};
use cell_store_sql::{SqliteOptions, SqliteStore};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

fn append(seq: u64, bytes: usize) -> Append {
    let row = LogRow {
        seq,
        epoch: Epoch(1),
        batch_id: Uuid::from_u128(u128::from(seq)),
        data: vec![seq as u8; bytes].into(),
        ownership: false,
    };
    Append { shard: ShardId(0), rows: vec![row], segments: Vec::new() }
}

async fn acquired(options: SqliteOptions) -> SqliteStore {
    let store = SqliteStore::connect(options).await.expect("a store");
    store.open(1, Uuid::nil()).await.expect("open");
    store.acquire(&[ShardId(0)]).await.expect("acquire");
    store
}

#[tokio::test]
async fn a_full_disk_is_named_and_loses_nothing() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut options = SqliteOptions::new(directory.path().join("cell.db"));
    options.max_bytes = Some(1 << 20);
    let store = acquired(options.clone()).await;
    let mut accepted = 0;
    let refused = loop {
        match store.append(&[append(accepted + 1, 10_000)]).await {
            Ok(_) if accepted < 200 => accepted += 1,
            other => break other,
        }
    };
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert!(accepted > 50, "most of the space was usable");
    // Also in the middle of a transaction: a batch too long for one statement.
    let mut long = append(accepted + 1, 10_000);
    long.rows = (0..100).map(|n| LogRow { seq: accepted + 1 + n, ..long.rows[0].clone() }).collect();
    let refused = store.append(std::slice::from_ref(&long)).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    let small = append(accepted + 1, 1);
    let again = store.append(&[small]).await;
    assert!(matches!(again, Ok(_) | Err(StoreError::Full(_))), "the writer still answers: {again:?}");
    store.close().await;
    options.max_bytes = None;
    let store = SqliteStore::connect(options).await.expect("a store with room");
    let tail = store.acquire(&[ShardId(0)]).await.expect("acquire").remove(0).tail;
    let standing = accepted + u64::from(again.is_ok());
    assert!(tail.iter().map(|row| row.seq).eq(1..=standing), "what was accepted and nothing else");
    let next = append(standing + 1, 10_000);
    assert_eq!(store.append(&[next]).await.expect("append"), [AppendOutcome::Accepted]);
}

#[tokio::test]
async fn the_write_ahead_log_stays_bounded() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    let mut options = SqliteOptions::new(&path);
    options.wal_bytes = 1 << 20;
    let store = acquired(options).await;
    let mut largest = 0;
    for seq in 1..=800 {
        store.append(&[append(seq, 20_000)]).await.expect("append");
        largest = largest.max(bytes(&directory.path().join("cell.db-wal")));
    }
    assert!(bytes(&path) > 8 << 20, "most of 16 MB went to the database itself: {}", bytes(&path));
    assert!(largest < 4 << 20, "{largest} bytes of log");
}

fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
