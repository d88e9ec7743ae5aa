//! Backups of a cell that writes meanwhile, of objects that are lost or changed, and restores that are cut short.

use atoll_object_store::fault::{FaultObjects, ObjectCall, ObjectFault};
use atoll_object_store::{MemoryObjectStore, ObjectStore};
use atoll_sqlite::{DatabaseLock, Refusal};
use bytes::Bytes;
use cell_backup::{
    BackupError, CellFiles, MOST_GROWTH, Manifest, Moment, Restoring, back_up, find, list, restore,
    unfinished,
};
use cell_store::{Incarnations, MetadataRecord, MetadataStore};
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use uuid::Uuid;

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);
/// A record that takes more than a piece with its like.
const LARGE: usize = 3 << 20;

fn files(folder: &Path) -> CellFiles {
    CellFiles { cell: folder.join("cell.db"), lists: folder.join("cell-visibility.db") }
}

fn moment(second: i64) -> Moment {
    let at = jiff::Timestamp::from_second(1_800_000_000 + second).expect("a time");
    Moment { at, own: Uuid::from_u128(second as u128) }
}

const RESTORING: Restoring = Restoring { incarnation: SECOND, now_ms: 1_800_003_600_000 };

/// A cell whose process has its files open.
struct Served {
    folder: TempDir,
    store: SqliteStore,
    lists: SqliteVisibility,
    _locks: [DatabaseLock; 2],
}

impl Served {
    async fn new() -> Served {
        let folder = TempDir::new().expect("a folder");
        let files = files(folder.path());
        let mut locks = [
            DatabaseLock::acquire(&files.cell).await.expect("locked"),
            DatabaseLock::acquire(&files.lists).await.expect("locked"),
        ];
        let store = SqliteStore::connect(SqliteOptions::new(&files.cell)).await.expect("a store");
        let lists = SqliteVisibility::connect(SqliteOptions::new(&files.lists)).await.expect("lists");
        locks.iter_mut().for_each(|lock| lock.keep().expect("kept"));
        store.stores().shards.open(4, FIRST).await.expect("a cell");
        Served { folder, store, lists, _locks: locks }
    }

    fn files(&self) -> CellFiles {
        files(self.folder.path())
    }

    async fn put(&self, id: &str, version: u64, bytes: usize) {
        let data = Bytes::from(vec![version as u8; bytes]);
        let record = MetadataRecord { kind: "kept".to_owned(), id: id.to_owned(), version, data };
        self.store.put(&record).await.expect("put");
    }

    async fn back_up(&self, objects: &dyn ObjectStore, second: i64) -> Result<Manifest, BackupError> {
        back_up(&self.files(), "a", moment(second), objects, MOST_GROWTH).await
    }

    /// What stands beside its files of their own.
    fn names(&self) -> Vec<OsString> {
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry"));
    // What SQLite makes to read a database, and an empty log, say nothing.
    let counts = |name: &str, bytes: u64| !name.ends_with("-shm") && (bytes > 0 || !name.ends_with("-wal"));
    let entries = entries.filter(|entry| {
        counts(&entry.file_name().to_string_lossy(), entry.metadata().expect("its length").len())
    });
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    names
}

/// A folder of the store's, opened as a cell's process would.
async fn opened(folder: &Path) -> SqliteStore {
    SqliteStore::connect(SqliteOptions::new(files(folder).cell)).await.expect("it opens")
}

async fn kept(store: &SqliteStore) -> Vec<(String, u64)> {
    let records = store.list("kept").await.expect("records");
    records.into_iter().map(|record| (record.id, record.version)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_is_in_a_backup_and_the_cell_writes_on() {
    let cell = Arc::new(Served::new().await);
    for n in 0..4 {
        cell.put(&format!("large-{n}"), 1, LARGE).await;
    }
    let before = cell.names();
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, stopped) = (Arc::clone(&cell), Arc::clone(&stop));
    let writer = tokio::spawn(async move {
        let mut version = 0;
        while !stopped.load(Ordering::Relaxed) {
            version += 1;
            writing.put("a", version, 100).await;
            writing.put("b", version, 100).await;
        }
        version
    });
    let objects = MemoryObjectStore::default();
    let made = cell.back_up(&objects, 0).await.expect("a backup");
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.expect("no panic") > 0, "it wrote on");
    assert_eq!((made.cell_id.as_str(), made.incarnation, made.shard_count), ("a", FIRST, 4));
    assert!(made.cell.bytes > 12 << 20 && made.cell.bytes > made.cell.piece_bytes, "{made:?}");
    assert_eq!(cell.names(), before, "nothing stays beside the database");

    let target = TempDir::new().expect("a folder");
    let renewed = restore(&objects, &made, &files(target.path()), RESTORING).await.expect("restored");
    assert_eq!((renewed.replaces, renewed.id), (FIRST, SECOND));
    let expected = ["cell-visibility.db", "cell-visibility.db.exists", "cell.db", "cell.db.exists"];
    assert_eq!(names(target.path()), expected);
    let restored = opened(target.path()).await;
    let found = kept(&restored).await;
    let version = |id: &str| found.iter().find(|(other, _)| other == id).map_or(0, |(_, version)| *version);
    let (a, b) = (version("a"), version("b"));
    assert!(a == b || a == b + 1, "of one moment: {a} and {b}");
    assert!((0..4).all(|n| version(&format!("large-{n}")) == 1));
    let identity = restored.stores().shards.open(1, Uuid::nil()).await.expect("a cell");
    let known = Incarnations::load(&restored, identity).await.expect("readable");
    assert_eq!((known.current(), known.all().len(), identity.shard_count), (SECOND, 2, 4));
    restored.close().await;
    cell.lists.close().await;
}

#[tokio::test]
async fn the_newest_is_found_and_others_by_name() {
    let (cell, objects) = (Served::new().await, MemoryObjectStore::default());
    let refused = find(&objects, "a", None).await.expect_err("none").to_string();
    assert_eq!(refused, "cell a has no backup");
    let mut made = Vec::new();
    for second in [5, 7, 6] {
        cell.put("a", second, 1).await;
        made.push(cell.back_up(&objects, second as i64).await.expect("a backup"));
    }
    assert_eq!(find(&objects, "a", None).await.expect("found"), made[1]);
    assert_eq!(find(&objects, "a", Some(&made[2].id)).await.expect("found"), made[2]);
    let refused = find(&objects, "a", Some("never")).await.expect_err("none").to_string();
    assert_eq!(refused, "cell a has no backup never");
    find(&objects, "b", None).await.expect_err("another cell's");
    let listed = list(&objects, "a", 2).await.expect("a list");
    let listed: Vec<Manifest> = listed.into_iter().map(|found| found.expect("readable")).collect();
    assert_eq!(listed, [made[1].clone(), made[2].clone()]);
    // One that is torn hides no other.
    objects.put("backups/a/manifests/20990101T000000Z-0", Bytes::from_static(b"{")).await.expect("put");
    let listed = list(&objects, "a", 9).await.expect("a list");
    assert!(matches!(listed[0], Err(BackupError::Damaged { .. })) && listed.len() == 4);
    for made in made {
        let target = TempDir::new().expect("a folder");
        restore(&objects, &made, &files(target.path()), RESTORING).await.expect("restored");
    }
}

#[tokio::test]
async fn a_backup_that_is_cut_short_is_none() {
    let cell = Served::new().await;
    for n in 0..4 {
        cell.put(&format!("large-{n}"), 1, LARGE).await;
    }
    let (before, inner) = (cell.names(), Arc::new(MemoryObjectStore::default()));
    let mut completed = 0;
    for failed in 0..6 {
        let objects = FaultObjects::new(Arc::clone(&inner) as Arc<dyn ObjectStore>, 1);
        (0..failed).for_each(|_| objects.script(ObjectCall::PutIfAbsent, ObjectFault::None));
        objects.script(ObjectCall::PutIfAbsent, ObjectFault::Before);
        let outcome = cell.back_up(&objects, failed).await;
        assert_eq!(cell.names(), before, "nothing stays beside the database");
        let listed = list(&*inner, "a", 99).await.expect("a list").len();
        completed += usize::from(outcome.is_ok());
        assert_eq!(listed, completed, "the write {failed} failed: {outcome:?}");
    }
    // Lists, two pieces of the cell, the manifest.
    assert_eq!(completed, 2);
}

#[tokio::test]
async fn nothing_of_a_damaged_backup_is_put_in_place() {
    let (cell, objects) = (Served::new().await, MemoryObjectStore::default());
    for n in 0..4 {
        cell.put(&format!("large-{n}"), 1, LARGE).await;
    }
    let made = cell.back_up(&objects, 0).await.expect("a backup");
    let pieces = objects.list("backups/a/pieces/", None, 99).await.expect("a list");
    assert_eq!(pieces.len(), 3);
    let target = TempDir::new().expect("a folder");
    for key in &pieces {
        let good = objects.get(key, 64 << 20).await.expect("readable").expect("listed");
        let mut changed = good.to_vec();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for (bytes, expected) in [
            (Some(changed), "checksum"),
            (Some(good[1..].to_vec()), "has not the"),
            (Some([&good[..], b"x"].concat()), "has not the"),
            (None, "is missing"),
        ] {
            match bytes {
                Some(bytes) => objects.put(key, bytes.into()).await.expect("put"),
                None => objects.delete(key).await.expect("deleted"),
            }
            let refused = restore(&objects, &made, &files(target.path()), RESTORING).await;
            let refused = refused.expect_err("damaged").to_string();
            assert!(refused.contains(&made.id) && refused.contains(expected), "{refused}");
            assert_eq!(names(target.path()), [""; 0]);
        }
        objects.put(key, good).await.expect("put");
    }
    let other = Manifest { incarnation: SECOND, ..made.clone() };
    restore(&objects, &other, &files(target.path()), RESTORING).await.expect_err("another cell's");
    assert_eq!(names(target.path()), [""; 0]);
    restore(&objects, &made, &files(target.path()), RESTORING).await.expect("restored");
}

#[tokio::test]
async fn no_database_is_replaced() {
    let (cell, objects) = (Served::new().await, MemoryObjectStore::default());
    let made = cell.back_up(&objects, 0).await.expect("a backup");
    for name in
        ["cell.db", "cell-visibility.db", "cell.db.exists", "cell-visibility.db.exists", "cell.db-wal"]
    {
        let target = TempDir::new().expect("a folder");
        std::fs::write(target.path().join(name), "something").expect("written");
        let refused = restore(&objects, &made, &files(target.path()), RESTORING).await;
        assert!(matches!(refused, Err(BackupError::InTheWay { .. })), "{name}: {refused:?}");
        assert_eq!(names(target.path()), [name]);
    }
    let refused =
        restore(&objects, &made, &cell.files(), RESTORING).await.expect_err("it serves").to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
}

#[tokio::test]
async fn a_restore_that_was_cut_short_is_done_again() {
    let (cell, objects) = (Served::new().await, MemoryObjectStore::default());
    let made = cell.back_up(&objects, 0).await.expect("a backup");
    // Killed before the cell had its name: what it had fetched stands, and the lists are in place.
    let target = TempDir::new().expect("a folder");
    let folder = target.path().join("cell.db.restore");
    std::fs::create_dir(&folder).expect("a folder");
    for name in ["cell.db", "cell.db-wal", "placing"] {
        std::fs::write(folder.join(name), "half").expect("written");
    }
    std::fs::write(files(target.path()).cell, "").expect("held by an empty file");
    std::fs::write(files(target.path()).lists, "of that restore").expect("written");
    assert_eq!(unfinished(&files(target.path()).cell).as_ref(), Some(&folder));
    restore(&objects, &made, &files(target.path()), RESTORING).await.expect("restored");
    let restored = opened(target.path()).await;
    restored.close().await;
    SqliteVisibility::inspect(&SqliteOptions::new(files(target.path()).lists)).await.expect("lists");
    assert!(!folder.exists() && unfinished(&files(target.path()).cell).is_none());
}

/// Killed before it came to the lists, it has none of its own: these are somebody's.
#[tokio::test]
async fn a_restore_that_was_cut_short_early_leaves_other_lists_alone() {
    let (cell, objects) = (Served::new().await, MemoryObjectStore::default());
    let made = cell.back_up(&objects, 0).await.expect("a backup");
    let target = TempDir::new().expect("a folder");
    std::fs::create_dir(target.path().join("cell.db.restore")).expect("a folder");
    std::fs::write(files(target.path()).lists, "something").expect("written");
    let refused = restore(&objects, &made, &files(target.path()), RESTORING).await;
    assert!(matches!(refused, Err(BackupError::InTheWay { .. })), "{refused:?}");
    assert_eq!(std::fs::read_to_string(files(target.path()).lists).expect("readable"), "something");
}

#[tokio::test]
async fn nobody_takes_the_place_of_a_cell_that_is_being_restored() {
    let (cell, inner) = (Served::new().await, Arc::new(MemoryObjectStore::default()));
    let made = cell.back_up(&*inner, 0).await.expect("a backup");
    for past_the_lock in [None, Some("cell.db"), Some("cell.db-wal"), Some("cell-visibility.db-wal")] {
        let target = TempDir::new().expect("a folder");
        let place = files(target.path());
        let (objects, go_on) =
            (FaultObjects::new(Arc::clone(&inner) as Arc<dyn ObjectStore>, 1), Arc::new(Semaphore::new(0)));
        objects.script(ObjectCall::Get, ObjectFault::HoldBefore(Arc::clone(&go_on)));
        let meanwhile = async {
            while !target.path().join("cell.db.restore").exists() {
                tokio::task::yield_now().await;
            }
            match past_the_lock {
                None => {
                    for path in [&place.cell, &place.lists] {
                        let other = DatabaseLock::acquire(path).await;
                        assert!(matches!(other, Err(Refusal::InUse)), "{other:?}");
                    }
                    assert!(unfinished(&place.cell).is_some());
                }
                Some(name) => std::fs::write(target.path().join(name), "something").expect("written"),
            }
            go_on.add_permits(1);
        };
        let (restored, ()) = tokio::join!(restore(&objects, &made, &place, RESTORING), meanwhile);
        match past_the_lock {
            None => {
                restored.expect("restored");
                opened(target.path()).await.close().await;
            }
            Some(name) => {
                assert!(matches!(restored, Err(BackupError::InTheWay { .. })), "{name}: {restored:?}");
                let stands = std::fs::read_to_string(target.path().join(name)).expect("it stays");
                assert_eq!(stands, "something");
            }
        }
    }
}

#[tokio::test]
async fn an_object_store_that_is_away_is_said_to_be() {
    let (cell, inner) = (Served::new().await, Arc::new(MemoryObjectStore::default()));
    let made = cell.back_up(&*inner, 0).await.expect("a backup");
    let objects = FaultObjects::new(inner as Arc<dyn ObjectStore>, 1);
    objects.set_away(true);
    let target = TempDir::new().expect("a folder");
    let refused = restore(&objects, &made, &files(target.path()), RESTORING).await;
    assert!(matches!(refused, Err(BackupError::Objects(_))), "{refused:?}");
    assert_eq!(names(target.path()), [""; 0]);
}
