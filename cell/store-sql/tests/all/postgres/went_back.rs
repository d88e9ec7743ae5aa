//! A standby that lacks the end of what was answered takes the primary's place. Here older copies of rows are put in
//! the place of newer ones while a cell runs.

use super::{database, options};
use atoll_test_postgres::Server;
use cell_store::{
    Acquired, Append, AppendOutcome, Checkpoint, CheckpointAdvance, EntityKey, EntityRow, Epoch, LogRow,
    Position, ShardId, ShardStore,
};
use cell_store_sql::PostgresStore;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::ops::RangeInclusive;
use uuid::Uuid;

use AppendOutcome::{Accepted, Superseded, WentBack};

const SHARD: ShardId = ShardId(0);

/// A cell that has written ten log rows.
struct Cell {
    name: String,
    store: PostgresStore,
    epoch: Epoch,
}

async fn connect(name: &str) -> PostgresStore {
    PostgresStore::connect(options(&Server::shared().url(name))).await.expect("a store")
}

impl Cell {
    async fn new() -> Cell {
        let name = database().await;
        let store = connect(&name).await;
        store.open(1, Uuid::nil()).await.expect("open");
        let epoch = acquire(&store).await.epoch;
        assert_eq!(append(&store, epoch, 1..=10).await, Accepted);
        Cell { name, store, epoch }
    }

    fn sql(&self, sql: &str) -> String {
        Server::shared().sql(&self.name, sql)
    }

    /// What the standby has.
    fn copy(&self, tables: &[&str]) {
        tables.iter().for_each(|table| {
            self.sql(&format!("CREATE TABLE standby_{table} AS TABLE {table}"));
        });
    }

    fn promote(&self, tables: &[&str]) {
        tables.iter().for_each(|table| {
            self.sql(&format!("DELETE FROM {table}; INSERT INTO {table} TABLE standby_{table}"));
        });
    }

    fn slice(&self, entity: &str) -> Checkpoint {
        let row = EntityRow {
            key: run(entity),
            snapshot: "snapshot".into(),
            chunks: Vec::new(),
            position: Position { seq: 9, index: 0 },
            wake_at_ms: None,
            closed: false,
            delete_at_ms: None,
            billed_bytes: 0,
        };
        Checkpoint { entities: vec![row], ..Checkpoint::empty(SHARD, self.epoch) }
    }

    fn advance(&self, checkpoint_seq: u64) -> Checkpoint {
        let advance = Some(CheckpointAdvance { checkpoint_seq, state: "state".into() });
        Checkpoint { advance, ..Checkpoint::empty(SHARD, self.epoch) }
    }

    async fn write(&self, slice: &Checkpoint) -> AppendOutcome {
        self.store.checkpoint(slice).await.expect("checkpoint")
    }
}

/// Appends rows of a batch of their own.
async fn append(store: &PostgresStore, epoch: Epoch, seqs: RangeInclusive<u64>) -> AppendOutcome {
    let batch_id = Uuid::from_u64_pair(epoch.0, *seqs.start());
    let row = |seq| LogRow { seq, epoch, batch_id, data: "data".into(), ownership: false };
    let append = Append { shard: SHARD, rows: seqs.map(row).collect(), segments: Vec::new() };
    store.append(&[append]).await.expect("append").remove(0)
}

async fn acquire(store: &PostgresStore) -> Acquired {
    store.acquire(&[SHARD]).await.expect("acquire").remove(0)
}

fn run(id: &str) -> EntityKey {
    EntityKey::run(Uuid::nil(), id, Uuid::nil())
}

#[tokio::test]
async fn no_checkpoint_passes_a_slice_that_was_answered_and_is_gone() {
    let cell = Cell::new().await;
    let tables = ["shard", "entity"];
    assert_eq!(cell.write(&cell.slice("kept")).await, Accepted);
    cell.copy(&tables);
    assert_eq!(cell.write(&cell.slice("lost")).await, Accepted);
    cell.promote(&tables);
    assert_eq!(cell.write(&cell.slice("next")).await, WentBack);
    assert_eq!(cell.write(&cell.advance(10)).await, WentBack);
    cell.store.trim(SHARD).await.expect("trim");
    let found = acquire(&cell.store).await;
    assert_eq!((found.checkpoint_seq, found.tail.len()), (0, 10), "the log has what the slice had");
    let stored = cell
        .store
        .load(&[(SHARD, run("kept")), (SHARD, run("lost")), (SHARD, run("next"))], usize::MAX)
        .await;
    let stored: Vec<bool> = stored.expect("load").iter().map(Option::is_some).collect();
    assert_eq!(stored, [true, false, false]);
}

#[tokio::test]
async fn a_standby_that_lacks_nothing_is_gone_on_with() {
    let cell = Cell::new().await;
    let tables = ["shard", "entity"];
    assert_eq!(cell.write(&cell.slice("kept")).await, Accepted);
    cell.copy(&tables);
    cell.promote(&tables);
    assert_eq!(cell.write(&cell.slice("next")).await, Accepted);
    assert_eq!(cell.write(&cell.advance(10)).await, Accepted);
}

#[tokio::test]
async fn the_checkpoint_does_not_pass_the_log() {
    let cell = Cell::new().await;
    cell.sql("DELETE FROM log WHERE seq > 8");
    assert_eq!(
        cell.write(&Checkpoint { advance: cell.advance(10).advance, ..cell.slice("new") }).await,
        WentBack
    );
    assert_eq!(cell.store.load(&[(SHARD, run("new"))], usize::MAX).await.expect("load"), [None]);
    let found = acquire(&cell.store).await;
    assert_eq!((found.checkpoint_seq, found.last_seq), (0, 8));
}

#[tokio::test]
async fn an_epoch_whose_number_comes_again_is_told_from_the_one_that_was_lost() {
    let cell = Cell::new().await;
    cell.copy(&["shard"]);
    let lost = acquire(&cell.store).await.epoch;
    cell.promote(&["shard"]);
    let other = connect(&cell.name).await;
    assert_eq!(acquire(&other).await.epoch, lost, "the number comes again");
    assert_eq!(other.epochs(&[SHARD]).await.expect("epochs"), [lost]);
    assert_ne!(cell.store.epochs(&[SHARD]).await.expect("epochs"), [lost], "it is the other's");
    assert_eq!(cell.write(&Checkpoint { epoch: lost, ..cell.slice("new") }).await, WentBack);
    let slice = Checkpoint { epoch: lost, ..cell.slice("other") };
    assert_eq!(other.checkpoint(&slice).await.expect("checkpoint"), Accepted);
}

#[tokio::test]
async fn a_lost_acquisition_is_no_other_owners() {
    let cell = Cell::new().await;
    cell.copy(&["shard"]);
    let lost = acquire(&cell.store).await.epoch;
    cell.promote(&["shard"]);
    assert_eq!(cell.write(&Checkpoint { epoch: lost, ..cell.slice("new") }).await, WentBack);
}

#[tokio::test]
async fn a_trim_deletes_no_further_than_the_checkpoint_is_by_then() {
    let cell = Cell::new().await;
    cell.sql("INSERT INTO log SELECT 0, n, 1, false, gen_random_uuid(), '' FROM generate_series(11, 3000) n");
    assert_eq!(cell.write(&cell.advance(3_000)).await, Accepted);
    let mut held = PgConnection::connect(&Server::shared().url(&cell.name)).await.expect("a session");
    let hold = "BEGIN; SELECT FROM log WHERE seq = 1 FOR UPDATE; UPDATE shard SET checkpoint_seq = 0";
    held.execute(sqlx::raw_sql(AssertSqlSafe(hold))).await.expect("held");
    let (trimmed, ()) = tokio::join!(cell.store.trim(SHARD), async {
        super::waits(&cell.name, 1).await;
        held.execute(sqlx::raw_sql("COMMIT")).await.expect("committed");
    });
    let left = cell.sql("SELECT count(*) FROM log").parse::<u64>().expect("a count");
    let trimmed = trimmed.expect("trim");
    assert!(trimmed + left == 3_000 && left >= 900, "{trimmed} went, {left} are left");
}

#[tokio::test]
async fn a_former_owner_gets_nothing_in_behind_a_successor_that_has_filled_the_gap() {
    // The standby has the former owner's acquisition; or lacks it, too, so that its number comes again.
    for lacks_acquisition in [false, true] {
        let mut cell = Cell::new().await;
        if lacks_acquisition {
            cell.copy(&["shard", "log"]);
            cell.epoch = acquire(&cell.store).await.epoch;
        } else {
            cell.copy(&["shard", "log"]);
        }
        assert_eq!(append(&cell.store, cell.epoch, 11..=12).await, Accepted);
        cell.promote(&["shard", "log"]);
        let successor = connect(&cell.name).await;
        let epoch = acquire(&successor).await.epoch;
        assert_eq!(epoch == cell.epoch, lacks_acquisition);
        assert_eq!(append(&successor, epoch, 11..=12).await, Accepted);
        assert_eq!(append(&cell.store, cell.epoch, 13..=13).await, Superseded);
        assert_eq!(append(&successor, epoch, 13..=13).await, Accepted);
        let epochs = format!("SELECT count(*) FROM log WHERE seq > 10 AND epoch = {}", epoch.0);
        assert_eq!(cell.sql(&epochs), "3", "nothing of another's stands among the successor's rows");
        assert_eq!(cell.sql("SELECT count(DISTINCT batch_id) FROM log WHERE seq > 10"), "2");
    }
}

#[tokio::test]
async fn no_slice_is_taken_where_the_log_lacks_a_row_that_was_answered() {
    let cell = Cell::new().await;
    assert_eq!(cell.write(&cell.slice("kept")).await, Accepted);
    cell.sql("DELETE FROM log WHERE seq = 10");
    assert_eq!(cell.write(&cell.slice("lost")).await, WentBack);
    let removal = Checkpoint { deleted: vec![run("kept")], ..Checkpoint::empty(SHARD, cell.epoch) };
    assert_eq!(cell.write(&removal).await, WentBack);
    let stored = cell.store.load(&[(SHARD, run("kept")), (SHARD, run("lost"))], usize::MAX).await;
    let stored: Vec<bool> = stored.expect("load").iter().map(Option::is_some).collect();
    assert_eq!(stored, [true, false]);
    // Nor by who has found the row, and appended nothing yet.
    cell.sql("INSERT INTO log SELECT shard, 10, epoch, ownership, batch_id, data FROM log WHERE seq = 9");
    let epoch = acquire(&cell.store).await.epoch;
    cell.sql("DELETE FROM log WHERE seq = 10");
    assert_eq!(cell.write(&Checkpoint { epoch, ..cell.slice("lost") }).await, WentBack);
}

#[tokio::test]
async fn a_row_that_was_trimmed_is_not_missed() {
    let cell = Cell::new().await;
    assert_eq!(cell.write(&cell.advance(10)).await, Accepted);
    assert_eq!(cell.store.trim(SHARD).await.expect("trim"), 10);
    assert_eq!(cell.write(&cell.slice("next")).await, Accepted);
    let epoch = acquire(&cell.store).await.epoch;
    assert_eq!(cell.write(&Checkpoint { epoch, ..cell.slice("next") }).await, Accepted);
}
