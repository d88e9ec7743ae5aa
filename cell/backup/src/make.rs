//! Making a backup.

use crate::copy::{Copies, copy};
use crate::error::BackupError;
use crate::folder::Folder;
use crate::manifest::Manifest;
use crate::upload::{keys, put, upload};
use crate::{CellFiles, names};
use atoll_object_store::ObjectStore;
use jiff::Timestamp;
use uuid::Uuid;

/// Bytes of a piece: small enough for memory, large enough that a terabyte is no more than a hundred thousand objects.
const PIECE_BYTES: u64 = 8 << 20;

/// Of the folder beside the database in which copies are made.
const FOLDER: &str = ".backup";

/// When a backup is made, and what tells it from others of the same second.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub at: Timestamp,
    /// A random id.
    pub own: Uuid,
}

/// Backs a cell up, which may serve meanwhile. A backup is there when this returns, and not before.
///
/// `most_growth` are the bytes that the write-ahead log of a database may grow by while it is copied, [`MOST_GROWTH`]
/// usually. Killed or failed, this leaves pieces that no manifest names, which go with the rules that delete backups,
/// and where it was killed a folder beside the database, which goes with the next backup.
///
/// [`MOST_GROWTH`]: crate::MOST_GROWTH
pub async fn back_up(
    files: &CellFiles,
    cell_id: &str,
    moment: Moment,
    objects: &dyn ObjectStore,
    most_growth: u64,
) -> Result<Manifest, BackupError> {
    let folder = Folder::beside(&files.cell, FOLDER)?;
    folder.empty()?;
    let Copies { cell, lists, identity, incarnations } = copy(files, &folder, most_growth).await?;
    let id = names::id(moment.at, moment.own);
    let manifest = Manifest {
        format: Manifest::FORMAT,
        cell_id: cell_id.to_owned(),
        incarnation: incarnations.current(),
        shard_count: identity.shard_count,
        made_at: moment.at,
        lists: upload(&lists, objects, keys(cell_id, &id, "lists"), PIECE_BYTES).await?,
        cell: upload(&cell, objects, keys(cell_id, &id, "cell"), PIECE_BYTES).await?,
        id,
    };
    put(objects, &names::manifest(cell_id, &manifest.id), manifest.encode()).await?;
    Ok(manifest)
}
