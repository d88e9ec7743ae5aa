//! A file into the object store, piece by piece.

use crate::error::BackupError;
use crate::manifest::BackedUpFile;
use crate::names;
use atoll_object_store::{ConditionalPut, ObjectStore};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Puts a file's pieces, each of `piece_bytes` but the last. No more than one is in memory, and with the object store.
pub(crate) async fn upload(
    path: &Path,
    objects: &dyn ObjectStore,
    key: impl Fn(u64) -> String,
    piece_bytes: u64,
) -> Result<BackedUpFile, BackupError> {
    let failed = BackupError::at(path);
    let mut file = File::open(path).map_err(&failed)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    for number in 0.. {
        let mut piece = Vec::new();
        (&mut file).take(piece_bytes).read_to_end(&mut piece).map_err(&failed)?;
        if piece.is_empty() {
            break;
        }
        hash.update(&piece);
        bytes += piece.len() as u64;
        put(objects, &key(number), piece.into()).await?;
    }
    Ok(BackedUpFile { bytes, piece_bytes, sha256: hex::encode(hash.finalize()) })
}

/// Writes an object that is nobody else's.
pub(crate) async fn put(objects: &dyn ObjectStore, key: &str, bytes: Bytes) -> Result<(), BackupError> {
    match objects.put_if_absent(key, bytes).await? {
        ConditionalPut::Written | ConditionalPut::Identical => Ok(()),
        ConditionalPut::Different => {
            let error = std::io::Error::other(format!("{key} is there already, and is another's"));
            Err(BackupError::Objects(error.into()))
        }
    }
}

/// The keys of the pieces of a file.
pub(crate) fn keys<'a>(cell_id: &'a str, id: &'a str, file: &'a str) -> impl Fn(u64) -> String + 'a {
    move |number| names::piece(cell_id, id, file, number)
}
