//! Restoring a backup.

use crate::CellFiles;
use crate::error::BackupError;
use crate::fetch::fetch;
use crate::folder::Folder;
use crate::manifest::Manifest;
use atoll_object_store::ObjectStore;
use atoll_sqlite::DatabaseLock;
use cell_shard::{LogInspector, Renewed, renew};
use cell_store::StoreError;
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use std::fs::{self, File};
use std::path::Path;
use uuid::Uuid;

/// Of the folder beside the database into which a backup is fetched.
const FOLDER: &str = ".restore";

/// What a restored cell goes on as.
#[derive(Clone, Copy, Debug)]
pub struct Restoring {
    /// Names the new incarnation of its log.
    pub incarnation: Uuid,
    /// The wall clock, Unix milliseconds.
    pub now_ms: i64,
}

/// Puts a cell as it was when the backup was made where there is none. Its log goes on as a new incarnation: it may be
/// started when this returns, and where this fails there is no cell.
///
/// Refused is a place where there is a database of the cell or of its lists, or a file that says that there was one.
/// Killed, this leaves a folder beside the database, and perhaps the lists without their cell: the next restore takes
/// both away.
pub async fn restore(
    objects: &dyn ObjectStore,
    manifest: &Manifest,
    files: &CellFiles,
    as_what: Restoring,
) -> Result<Renewed, BackupError> {
    refuse_database(&files.cell).await?;
    let folder = Folder::beside(&files.cell, FOLDER)?;
    if !folder.was_left {
        refuse_database(&files.lists).await?;
    }
    let (cell, lists) = (folder.file("cell.db"), folder.file("lists.db"));
    fetch(objects, manifest, "lists", &manifest.lists, &lists).await?;
    fetch(objects, manifest, "cell", &manifest.cell, &cell).await?;
    SqliteVisibility::inspect(&SqliteOptions::new(&lists)).await?;
    let renewed = go_on(&cell, manifest, as_what).await?;
    // The cell comes last: as long as it is not there, nothing is.
    place(&lists, &files.lists)?;
    place(&cell, &files.cell)?;
    for path in [&files.lists, &files.cell] {
        let mut lock = DatabaseLock::acquire(path).await.map_err(BackupError::refused(path))?;
        lock.keep().map_err(BackupError::refused(path))?;
    }
    Ok(renewed)
}

/// Refuses a place that has a database, or had one.
async fn refuse_database(path: &Path) -> Result<(), BackupError> {
    match DatabaseLock::of_existing(path).await.map_err(BackupError::refused(path))? {
        None => Ok(()),
        Some(_) => {
            let why = "there is a database already: restore to another place, or move it away with all files beside it";
            Err(BackupError::in_the_way(path, why))
        }
    }
}

/// Begins the new incarnation of a fetched cell, which nobody else knows.
async fn go_on(cell: &Path, manifest: &Manifest, as_what: Restoring) -> Result<Renewed, BackupError> {
    let options = SqliteOptions::new(cell);
    SqliteStore::inspect(&options, &mut LogInspector::default()).await?;
    let found = SqliteStore::identity(cell).await?;
    if found.is_none_or(|(_, incarnations)| incarnations.current() != manifest.incarnation) {
        return Err(BackupError::damaged(&manifest.id, "its cell is another than its manifest says"));
    }
    let store = SqliteStore::connect(options).await?;
    let renewed = renew(&store.stores(), as_what.incarnation, as_what.now_ms).await;
    store.close().await;
    let renewed = renewed?;
    let log = cell.with_file_name(format!("{}-wal", cell.file_name().unwrap_or_default().display()));
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let why = format!("database {}: its write-ahead log was not taken in", cell.display());
        return Err(StoreError::Unavailable(why).into());
    }
    Ok(renewed)
}

/// Gives a whole file its name; it is on the disk when this returns.
fn place(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = BackupError::at(to);
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    sync(from).map_err(&failed)?;
    fs::rename(from, to).map_err(&failed)?;
    let to = std::path::absolute(to).map_err(&failed)?;
    sync(to.parent().unwrap_or(Path::new("/"))).map_err(&failed)
}
