//! A database whose log is damaged is not started on, and stays as it is: what is left of it may still be rescued.

use std::path::Path;

use atoll_internal_api::log::v1::{LogBatch, Record};
use prost::Message;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use crate::refused::refused_but_for;
use crate::running::{CELL, Running};

/// Lives of the cell, each of which leaves a row in the log of every shard.
const LIVES: usize = 3;
/// The shard whose log is damaged: neither the first one, nor the last.
const SHARD: i64 = 2;
/// The row that is damaged: others stand before and behind it.
const ROW: i64 = 2;
/// A row's place in the table, as the schema has it.
const POSITION: i64 = (SHARD << 44) + ROW;

/// A way in which a row is damaged, and what is said of it.
struct Damage {
    /// The row's new content; none where it goes.
    damage: fn(Vec<u8>) -> Option<Vec<u8>>,
    message: &'static str,
}

const DAMAGES: [Damage; 5] = [
    Damage {
        damage: |mut row| {
            let middle = row.len() / 2;
            row[middle] ^= 0x10;
            Some(row)
        },
        message: "shard 2 row 2: checksum is",
    },
    Damage { damage: |row| Some(row[..row.len() - 1].to_vec()), message: "shard 2 row 2: checksum is" },
    Damage { damage: |_| Some(Vec::new()), message: "shard 2 row 2: row of 0 bytes is too short" },
    Damage { damage: |_| None, message: "shard 2: log row 2 is missing" },
    Damage {
        damage: |_| Some(row_of_unknown_kind()),
        message: "shard 2 row 2: record 0 is of an unknown kind",
    },
];

/// A row with a right checksum that holds a record of a kind which this version does not know.
fn row_of_unknown_kind() -> Vec<u8> {
    let mut record = Record { at_ns: 1, ..Default::default() }.encode_to_vec();
    // Field 1000, a varint.
    record.extend([0xc0, 0x3e, 1]);
    let mut batch = LogBatch { format: 1, ..Default::default() }.encode_to_vec();
    batch.extend([0x1a, u8::try_from(record.len()).unwrap()]);
    batch.extend(record);
    let mut row = crc32c::crc32c(&batch).to_be_bytes().to_vec();
    row.extend(batch);
    row
}

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

async fn damage(database: &mut SqliteConnection, damage: &Damage) {
    let found = sqlx::query("SELECT data FROM log WHERE position = ?").bind(POSITION);
    let row: Vec<u8> = found.fetch_one(&mut *database).await.unwrap().get(0);
    let statement = match (damage.damage)(row) {
        Some(row) => sqlx::query("UPDATE log SET data = ? WHERE position = ?").bind(row).bind(POSITION),
        None => sqlx::query("DELETE FROM log WHERE position = ?").bind(POSITION),
    };
    assert_eq!(statement.execute(database).await.unwrap().rows_affected(), 1);
}

/// The files of a cell that was killed a few times, as they are after that.
fn killed_cell() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..LIVES {
        Running::start(folder.path(), &CELL).kill();
    }
    folder
}

fn copy(from: &Path, to: &Path, names: &[(&str, &str)]) {
    for (name, new_name) in names {
        std::fs::copy(from.join(name), to.join(new_name)).unwrap();
    }
}

/// Every command that would serve the database is refused; only SQLite's index (`-shm`) of a write-ahead log, which
/// holds nothing of its own, may be made or rebuilt.
fn all_refused(folder: &Path, message: &str) {
    let is_index = |path: &Path| path.to_string_lossy().ends_with("-shm");
    let in_cell = format!("database cell.db: store is corrupt: {message}");
    refused_but_for(folder, &CELL, &in_cell, is_index);
    let dev = ["server", "start-dev", "--port", "0", "--db-filename", "cell.db"];
    refused_but_for(folder, &dev, &in_cell, is_index);
    let cloud = ["dev", "--data-dir", "data", "--gateway-port", "0", "--cloud-port", "0"];
    let in_cloud = format!("database data/cell-b.db: store is corrupt: {message}");
    refused_but_for(folder, &cloud, &in_cloud, is_index);
}

#[tokio::test]
async fn in_a_database_that_was_closed_in_order() {
    let cell = killed_cell();
    for kind in &DAMAGES {
        let folder = tempfile::tempdir().unwrap();
        copy(cell.path(), folder.path(), &[("cell.db", "cell.db"), ("cell.db-wal", "cell.db-wal")]);
        let mut database = connect(&folder.path().join("cell.db")).await;
        damage(&mut database, kind).await;
        // The last one to close it copies the write-ahead log into the database, and removes it.
        database.close().await.unwrap();
        assert!(!folder.path().join("cell.db-wal").exists());
        into_cloud(folder.path(), &[("cell.db", "cell-b.db")]);
        all_refused(folder.path(), kind.message);
        assert!(!folder.path().join("cell.db-shm").exists());
    }
}

#[tokio::test]
async fn in_a_write_ahead_log_that_a_crash_left() {
    let cell = killed_cell();
    let files = [("cell.db", "cell.db"), ("cell.db-wal", "cell.db-wal")];
    for kind in &DAMAGES {
        let [running, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        copy(cell.path(), running.path(), &files);
        let mut database = connect(&running.path().join("cell.db")).await;
        damage(&mut database, kind).await;
        // While it is still open, as if that process ended here.
        copy(running.path(), folder.path(), &files);
        into_cloud(folder.path(), &[("cell.db", "cell-b.db"), ("cell.db-wal", "cell-b.db-wal")]);
        all_refused(folder.path(), kind.message);
    }
}

/// A data directory of a cloud, with this database as that of one of its cells.
fn into_cloud(folder: &Path, files: &[(&str, &str)]) {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("FORMAT"), "atoll-data 1\n").unwrap();
    copy(folder, &data, files);
}
