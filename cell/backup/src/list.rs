//! The backups of a cell that there are.

use crate::error::BackupError;
use crate::manifest::{LARGEST, Manifest};
use crate::names;
use atoll_object_store::ObjectStore;

/// Keys of one look.
const PAGE: usize = 1_000;

/// The ids of a cell's backups, the oldest first.
async fn ids(objects: &dyn ObjectStore, cell_id: &str) -> Result<Vec<String>, BackupError> {
    let prefix = names::manifests(cell_id);
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = objects.list(&prefix, keys.last().map(String::as_str), PAGE).await?;
        let is_last = page.len() < PAGE;
        keys.extend(page);
        if is_last {
            break;
        }
    }
    Ok(keys.iter().filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned)).collect())
}

/// A cell's backups, the newest first, at most `limit`. One whose manifest cannot be read is told by its id and why.
pub async fn list(
    objects: &dyn ObjectStore,
    cell_id: &str,
    limit: usize,
) -> Result<Vec<Result<Manifest, BackupError>>, BackupError> {
    let mut found = Vec::new();
    for id in ids(objects, cell_id).await?.into_iter().rev().take(limit) {
        match read(objects, cell_id, &id).await {
            Ok(Some(manifest)) => found.push(Ok(manifest)),
            // Deleted since it was seen.
            Ok(None) => {}
            Err(damaged @ BackupError::Damaged { .. }) => found.push(Err(damaged)),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// A cell's backup of this id, or its newest.
pub async fn find(
    objects: &dyn ObjectStore,
    cell_id: &str,
    id: Option<&str>,
) -> Result<Manifest, BackupError> {
    let newest = match id {
        Some(_) => None,
        None => ids(objects, cell_id).await?.pop(),
    };
    let found = match id.map(str::to_owned).or(newest) {
        Some(id) => read(objects, cell_id, &id).await?,
        None => None,
    };
    found.ok_or_else(|| BackupError::NoBackup { cell_id: cell_id.to_owned(), id: id.map(str::to_owned) })
}

async fn read(objects: &dyn ObjectStore, cell_id: &str, id: &str) -> Result<Option<Manifest>, BackupError> {
    match objects.get(&names::manifest(cell_id, id), LARGEST).await? {
        Some(bytes) => Manifest::decode(cell_id, id, &bytes).map(Some),
        None => Ok(None),
    }
}
