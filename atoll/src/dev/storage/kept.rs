//! What a data directory remembers of its cloud.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use uuid::Builder;

use super::same;
use crate::dev::ready_file::write_private;

const FILE: &str = "cloud.json";
/// What stands in a directory whose cloud is older than this file.
const OLDER: &str = "secrets.json";

/// A cloud, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// Which cloud this is: its databases and its object store say the same.
    pub(super) id: String,
    /// What the names of its databases begin with, on a PostgreSQL server; none where they are files.
    pub(super) databases: Option<String>,
    /// Where its objects are; none where they are in the data directory.
    pub(super) objects: Option<String>,
    /// All that is outside of the data directory was there once, and said whose it is.
    pub(super) is_made: bool,
}

impl Kept {
    /// The cloud of a data directory, or a new one where there is none. Refuses one that is elsewhere than `databases`
    /// and `objects` say.
    pub(super) fn find(path: &Path, databases: Option<&str>, objects: Option<&str>) -> anyhow::Result<Self> {
        let file = path.join(FILE);
        let kept: Self = match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).with_context(|| file.display().to_string())?,
            Err(error) if error.kind() == ErrorKind::NotFound && is_older(path) => Self::new(None, None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::new(databases, objects)),
            Err(error) => return Err(error).with_context(|| file.display().to_string()),
        };
        let named = |prefix: Option<&str>| prefix.map(|prefix| format!("{prefix}_* on a PostgreSQL server"));
        let (before, now) = (named(kept.databases.as_deref()), named(databases));
        same(path, "databases", "--database-url and --database-prefix", before.as_deref(), now.as_deref())?;
        same(path, "objects", "--objects-url", kept.objects.as_deref(), objects)?;
        Ok(kept)
    }

    fn new(databases: Option<&str>, objects: Option<&str>) -> Self {
        let [databases, objects] = [databases, objects].map(|place| place.map(str::to_owned));
        Self {
            id: Builder::from_random_bytes(rand::random()).into_uuid().to_string(),
            databases,
            objects,
            is_made: false,
        }
    }

    /// Keeps it, durably.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let file = path.join(FILE);
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_private(&file, text.as_bytes()).with_context(|| file.display().to_string())?;
        // The name lasts once the folder is synced: what it names outside must not be left behind.
        let folder = std::fs::File::open(path).and_then(|folder| folder.sync_all());
        folder.with_context(|| path.display().to_string())
    }
}

/// Whether the directory has a cloud from before this file was written: in files, as all were.
fn is_older(path: &Path) -> bool {
    let has_databases = || {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().extension().is_some_and(|end| end == "db"))
    };
    path.join(OLDER).exists() || has_databases()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_is_found_where_it_was_and_refused_where_it_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let new = Kept::find(path, Some("dev"), None).unwrap();
        assert_ne!(new.id, Kept::find(path, Some("dev"), None).unwrap().id, "nothing is kept yet");
        let made = Kept { is_made: true, ..new };
        made.write(path).unwrap();
        assert_eq!(Kept::find(path, Some("dev"), None).unwrap(), made);
        for (databases, objects, expected) in [
            (None, None, "has its databases in dev_* on a PostgreSQL server: give that with --database-url"),
            (Some("other"), None, "has its databases in dev_* on"),
            (Some("dev"), Some("s3://usage/"), "keeps its objects in files: start it without --objects-url"),
        ] {
            let refused = Kept::find(path, databases, objects).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
        Kept { objects: Some("s3://usage/".to_owned()), ..made }.write(path).unwrap();
        let refused = Kept::find(path, Some("dev"), None).unwrap_err().to_string();
        assert!(
            refused.contains("has its objects in s3://usage/: give that with --objects-url"),
            "{refused}"
        );
    }

    #[test]
    fn what_was_there_before_clouds_were_kept_is_in_files() {
        for name in ["secrets.json", "cell-a.db"] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(name), "").unwrap();
            assert_eq!(Kept::find(folder.path(), None, None).unwrap().databases, None);
            let refused = Kept::find(folder.path(), Some("dev"), None).unwrap_err().to_string();
            assert!(
                refused.contains("keeps its databases in files: start it without --database-url"),
                "{refused}"
            );
        }
    }
}
