//! Both files of a cell, as they are now, into a folder.

use crate::CellFiles;
use crate::error::BackupError;
use crate::folder::Folder;
use cell_store::{Incarnations, StoreError, StoreIdentity};
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use std::path::PathBuf;

/// Bytes that the write-ahead log of a database may grow by while it is copied: a cell that writes more in that time is
/// not backed up then.
pub const MOST_GROWTH: u64 = 1 << 30;

/// Copies of both files, and what the cell's says that it is.
pub(crate) struct Copies {
    pub(crate) cell: PathBuf,
    pub(crate) lists: PathBuf,
    pub(crate) identity: StoreIdentity,
    pub(crate) incarnations: Incarnations,
}

/// Copies the lists, then the cell. Verifies that a cell would start on it.
pub(crate) async fn copy(
    files: &CellFiles,
    folder: &Folder,
    most_growth: u64,
) -> Result<Copies, BackupError> {
    let (cell, lists) = (folder.file("cell"), folder.file("lists"));
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |source| BackupError::Copy { path, source }
    };
    SqliteVisibility::copy(&files.lists, &lists, most_growth).await.map_err(failed(&files.lists))?;
    SqliteStore::copy(&files.cell, &cell, most_growth).await.map_err(failed(&files.cell))?;
    SqliteStore::inspect(&SqliteOptions::new(&cell), &mut cell_shard::LogInspector::default()).await?;
    let found = SqliteStore::identity(&cell).await?;
    let (identity, incarnations) = found
        .ok_or_else(|| StoreError::Unsafe(format!("database {} holds no cell yet", files.cell.display())))?;
    Ok(Copies { cell, lists, identity, incarnations })
}
