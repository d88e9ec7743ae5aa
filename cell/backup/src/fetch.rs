//! A file out of the object store.

use crate::error::BackupError;
use crate::manifest::{BackedUpFile, Manifest};
use crate::names;
use atoll_object_store::{ObjectStore, ObjectStoreError};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes a file of a backup, and answers when it is whole, verified and on the disk. One piece is in memory at a time.
pub(crate) async fn fetch(
    objects: &dyn ObjectStore,
    manifest: &Manifest,
    name: &str,
    file: &BackedUpFile,
    into: &Path,
) -> Result<(), BackupError> {
    let damaged = |why: String| BackupError::damaged(&manifest.id, why);
    let failed = BackupError::at(into);
    let mut written = File::create_new(into).map_err(&failed)?;
    let mut hash = Sha256::new();
    for (number, bytes) in (0..).zip(file.pieces()) {
        let key = names::piece(&manifest.cell_id, &manifest.id, name, number);
        let piece = match objects.get(&key, bytes as usize).await {
            Ok(Some(piece)) if piece.len() as u64 == bytes => piece,
            Ok(None) => return Err(damaged(format!("{key} is missing"))),
            Ok(Some(_)) | Err(ObjectStoreError::TooLarge { .. }) => {
                return Err(damaged(format!("{key} has not the {bytes} bytes that it had")));
            }
            Err(error) => return Err(error.into()),
        };
        hash.update(&piece);
        written.write_all(&piece).map_err(&failed)?;
    }
    if hex::encode(hash.finalize()) != file.sha256 {
        return Err(damaged(format!("the checksum of {name} is another")));
    }
    written.sync_all().map_err(&failed)
}
