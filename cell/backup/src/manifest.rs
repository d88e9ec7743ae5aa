//! What a backup consists of, as JSON: people look at it, too.

use crate::error::BackupError;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The form of what is written, and the newest that is read.
const FORMAT: u32 = 1;

/// Bytes of a manifest that are read at most.
pub(crate) const LARGEST: usize = 64 << 10;

/// Longest piece that is read. Those that are written are shorter.
pub(crate) const LONGEST_PIECE: u64 = 64 << 20;

/// A backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the backup: one that is newer than the reader's is refused.
    pub format: u32,
    /// Names it among the cell's.
    pub id: String,
    /// Whose.
    pub cell_id: String,
    /// The incarnation of the cell's log.
    #[serde(with = "text")]
    pub incarnation: Uuid,
    /// The cell's shards.
    pub shard_count: u32,
    /// The moment: what was acknowledged before is in it.
    pub made_at: Timestamp,
    /// The cell's database.
    pub cell: BackedUpFile,
    /// Its lists.
    pub lists: BackedUpFile,
}

/// A file of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackedUpFile {
    /// Its length.
    pub bytes: u64,
    /// The length of each piece but the last, which has the rest.
    pub piece_bytes: u64,
    /// SHA-256 of the whole file, hexadecimal.
    pub sha256: String,
}

/// An id as JSON has it.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Manifest {
    pub(crate) const FORMAT: u32 = FORMAT;

    pub(crate) fn encode(&self) -> Bytes {
        serde_json::to_vec_pretty(self).expect("a manifest is JSON").into()
    }

    /// Reads the manifest of this id.
    pub(crate) fn decode(cell_id: &str, id: &str, bytes: &[u8]) -> Result<Manifest, BackupError> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let damaged = |error: serde_json::Error| BackupError::damaged(id, format!("its manifest: {error}"));
        let form: Form = serde_json::from_slice(bytes).map_err(damaged)?;
        if form.format > FORMAT {
            let why = format!("its format is {}, and this version knows {FORMAT}", form.format);
            return Err(BackupError::damaged(id, why));
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(damaged)?;
        let lengths = [&manifest.cell, &manifest.lists].map(|file| file.piece_bytes);
        if manifest.id != id || manifest.cell_id != cell_id {
            return Err(BackupError::damaged(id, "its manifest is another's"));
        }
        if lengths.iter().any(|bytes| !(1..=LONGEST_PIECE).contains(bytes)) {
            return Err(BackupError::damaged(id, "its manifest names pieces of no length"));
        }
        Ok(manifest)
    }
}

impl BackedUpFile {
    /// The lengths of its pieces, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = u64> + '_ {
        let count = self.bytes.div_ceil(self.piece_bytes);
        (0..count).map(|number| self.piece_bytes.min(self.bytes - number * self.piece_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = BackedUpFile { bytes: 25, piece_bytes: 10, sha256: "00".repeat(32) };
        Manifest {
            format: FORMAT,
            id: "now-1".to_owned(),
            cell_id: "a".to_owned(),
            incarnation: Uuid::from_u128(7),
            shard_count: 8,
            made_at: Timestamp::UNIX_EPOCH,
            cell: file.clone(),
            lists: BackedUpFile { bytes: 20, ..file },
        }
    }

    #[test]
    fn it_is_read_as_it_was_written_and_refused_where_it_is_not() {
        let known = manifest();
        assert_eq!(Manifest::decode("a", "now-1", &known.encode()).expect("readable"), known);
        let refused = |manifest: Manifest| {
            Manifest::decode("a", "now-1", &manifest.encode()).expect_err("refused").to_string()
        };
        assert!(refused(Manifest { format: 2, ..manifest() }).contains("its format is 2"));
        assert!(refused(Manifest { id: "other".to_owned(), ..manifest() }).contains("another's"));
        assert!(refused(Manifest { cell_id: "b".to_owned(), ..manifest() }).contains("another's"));
        for piece_bytes in [0, LONGEST_PIECE + 1] {
            let cell = BackedUpFile { piece_bytes, ..manifest().cell };
            assert!(refused(Manifest { cell, ..manifest() }).contains("no length"));
        }
        let newer = br#"{"format": 2, "what": "else"}"#;
        let error = Manifest::decode("a", "now-1", newer).expect_err("newer").to_string();
        assert!(error.contains("this version knows 1"), "{error}");
        Manifest::decode("a", "now-1", b"{").expect_err("torn");
    }

    #[test]
    fn the_last_piece_has_the_rest() {
        assert_eq!(manifest().cell.pieces().collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(manifest().lists.pieces().collect::<Vec<_>>(), [10, 10]);
    }
}
