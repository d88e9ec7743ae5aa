//! A process that is killed in the middle of its appends.
//!
//! The test runs itself as a child, which appends without end and prints each acknowledged row; the test kills it
//! after some number of them and finds every one in the file, with what was written beside it.

use cell_store::{Append, AppendOutcome, EntityKey, HistorySegment, LogRow, ShardId, ShardStore};
use cell_store_sql::{SqliteOptions, SqliteStore};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use uuid::Uuid;

/// Tells the child which file to append to.
const FILE: &str = "CELL_STORE_SQL_KILL_FILE";
const SHARDS: u32 = 3;
const ROUNDS: u64 = 6;

/// The child's part.
async fn append_until_killed(path: &Path) {
    let store = open(path).await;
    let shards: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    let acquired = store.acquire(&shards).await.expect("acquire");
    let mut next: Vec<u64> = acquired.iter().map(|shard| shard.last_seq + 1).collect();
    let epoch = acquired[0].epoch;
    let mut output = std::io::stdout().lock();
    for batch in 0u128.. {
        let appends: Vec<Append> = shards
            .iter()
            .map(|shard| {
                let seq = next[shard.0 as usize];
                let batch_id = Uuid::from_u128(u128::from(epoch.0) << 64 | batch);
                let data = content(*shard, seq).into();
                Append {
                    shard: *shard,
                    rows: vec![LogRow { seq, epoch, batch_id, data, ownership: batch == 0 }],
                    segments: side_rows(*shard, seq),
                }
            })
            .collect();
        let outcomes = store.append(&appends).await.expect("append");
        assert!(outcomes.iter().all(|outcome| *outcome == AppendOutcome::Accepted));
        for append in &appends {
            next[append.shard.0 as usize] += 1;
            writeln!(output, "acknowledged {} {}", append.shard, append.rows[0].seq)
                .expect("the parent reads");
        }
        output.flush().expect("the parent reads");
        if batch % 40 == 39 {
            let end = next[0] - 5;
            let slice = advance(ShardId(0), epoch, end);
            assert_eq!(store.checkpoint(&slice).await.expect("checkpoint"), AppendOutcome::Accepted);
            store.trim(ShardId(0)).await.expect("trim");
        }
    }
}

#[tokio::test]
async fn acknowledged_rows_survive_a_kill() {
    if let Some(path) = std::env::var_os(FILE) {
        return append_until_killed(Path::new(&path)).await;
    }
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("cell.db");
    open(&path).await.close().await;
    let mut acknowledged = [0u64; SHARDS as usize];
    for round in 1..=ROUNDS {
        // Another place in the stream each round, not always after a whole batch.
        let lines = round * 97 + 31;
        let mut child = start_child(&path);
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut seen = 0;
        for line in output.lines() {
            let line = line.expect("a line");
            let Some(numbers) = line.strip_prefix("acknowledged ") else { continue };
            let (shard, seq) = numbers.split_once(' ').expect("two numbers");
            let shard: usize = shard.parse().expect("a shard");
            acknowledged[shard] = acknowledged[shard].max(seq.parse().expect("a seq"));
            seen += 1;
            if seen == lines {
                child.kill().expect("kill -9");
            }
        }
        assert!(seen >= lines, "the child ended by itself after {seen} rows");
        child.wait().expect("its end");
        verify(&path, &acknowledged).await;
    }
}

async fn verify(path: &Path, acknowledged: &[u64]) {
    let store = open(path).await;
    let shards: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    for found in store.acquire(&shards).await.expect("acquire") {
        let expected = acknowledged[found.shard.0 as usize];
        assert!(
            found.last_seq >= expected,
            "shard {}: {expected} acknowledged, {} found",
            found.shard,
            found.last_seq
        );
        assert!(found.last_seq <= expected + 1, "at most the append under way is there beyond");
        assert_eq!(found.tail.len() as u64, found.last_seq - found.checkpoint_seq);
        for row in &found.tail {
            assert_eq!(row.data, content(found.shard, row.seq), "shard {} row {}", found.shard, row.seq);
        }
        let segments: Vec<HistorySegment> =
            (1..=found.last_seq).flat_map(|seq| side_rows(found.shard, seq)).collect();
        let stand = store.history(found.shard, &run(), 1, i64::MAX, usize::MAX).await.expect("history");
        assert!(stand == segments, "shard {}: {} of {}", found.shard, stand.len(), segments.len());
    }
    store.close().await;
}

async fn open(path: &Path) -> SqliteStore {
    let mut options = SqliteOptions::new(path);
    options.wal_bytes = 512 << 10;
    let store = SqliteStore::connect(options).await.expect("a store");
    store.open(SHARDS, Uuid::nil()).await.expect("open");
    store
}

fn content(shard: ShardId, seq: u64) -> Vec<u8> {
    let byte = (u64::from(shard.0) * 7 + seq) as u8;
    vec![byte; 200 + (seq % 13) as usize * 700]
}

fn run() -> EntityKey {
    EntityKey::run(Uuid::from_u128(7), "workflow", Uuid::from_u128(1))
}

/// Every third row has history beside it.
fn side_rows(shard: ShardId, seq: u64) -> Vec<HistorySegment> {
    let id = seq as i64;
    let events = [content(shard, seq), vec![seq as u8; 70 << 10]].concat().into();
    let segment = HistorySegment { branch: run(), first_event_id: id, last_event_id: id, events };
    if seq.is_multiple_of(3) { vec![segment] } else { Vec::new() }
}

fn advance(shard: ShardId, epoch: cell_store::Epoch, checkpoint_seq: u64) -> cell_store::Checkpoint {
    cell_store::Checkpoint {
        advance: Some(cell_store::CheckpointAdvance { checkpoint_seq, state: Default::default() }),
        ..cell_store::Checkpoint::empty(shard, epoch)
    }
}

fn start_child(path: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "kill::acknowledged_rows_survive_a_kill", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child")
}
