//! Restoring a backup.

use crate::CellFiles;
use crate::error::BackupError;
use crate::fetch::fetch;
use crate::folder::{Folder, path_beside};
use crate::manifest::Manifest;
use crate::vacant::Vacant;
use atoll_object_store::ObjectStore;
use cell_shard::{LogInspector, Renewed, renew};
use cell_store::StoreError;
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
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

/// In the folder from the moment on at which the lists get their name until the cell has its own: where a restore was
/// killed in between, the lists are nobody's.
const PLACING: &str = "placing";

/// Puts a cell as it was when the backup was made where there is none. Its log goes on as a new incarnation: it may be
/// started when this returns, and where this fails there is no cell.
///
/// Refused is a place where there is a database of the cell or of its lists, or a file that says that there was one.
/// Both places are held to the end, so that no cell is started in them meanwhile. Killed, this leaves empty files, a
/// folder beside the database ([`unfinished`]), and perhaps the lists without their cell: the next restore takes all of
/// them away.
pub async fn restore(
    objects: &dyn ObjectStore,
    manifest: &Manifest,
    files: &CellFiles,
    as_what: Restoring,
) -> Result<Renewed, BackupError> {
    let mut cell = Vacant::hold(&files.cell).await?;
    let folder = Folder::beside(&files.cell, FOLDER)?;
    if folder.file(PLACING).exists() {
        remove(&files.lists)?;
    }
    let mut lists = Vacant::hold(&files.lists).await?;
    folder.empty()?;
    let (fetched, fetched_lists) = (folder.file("cell.db"), folder.file("lists.db"));
    fetch(objects, manifest, "lists", &manifest.lists, &fetched_lists).await?;
    fetch(objects, manifest, "cell", &manifest.cell, &fetched).await?;
    SqliteVisibility::inspect(&SqliteOptions::new(&fetched_lists)).await?;
    let renewed = go_on(&fetched, manifest, as_what).await?;
    cell.check_again()?;
    lists.check_again()?;
    mark(&folder.file(PLACING))?;
    // The cell comes last: as long as it is not there, nothing is.
    lists.fill(&fetched_lists)?;
    if let Err(error) = cell.fill(&fetched) {
        remove(&files.lists)?;
        return Err(error);
    }
    lists.keep()?;
    cell.keep()?;
    Ok(renewed)
}

/// The folder that a restore has left, or uses, beside a database that is not there yet; none beside one that is. Who
/// starts a cell there makes a new one in the place of the one that is to come back.
pub fn unfinished(database: &Path) -> Option<PathBuf> {
    let is_there = fs::metadata(database).is_ok_and(|file| file.len() > 0);
    Some(path_beside(database, FOLDER)).filter(|folder| !is_there && folder.exists())
}

/// Makes an empty file; it and its name are on the disk when this returns.
fn mark(path: &Path) -> Result<(), BackupError> {
    let made = File::create(path).and_then(|file| file.sync_all());
    let folder = path.parent().unwrap_or(Path::new("/"));
    made.and_then(|()| File::open(folder)?.sync_all()).map_err(BackupError::at(path))
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(BackupError::at(path)(error)),
        Ok(()) | Err(_) => Ok(()),
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
