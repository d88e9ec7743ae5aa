//! Whether a folder is fit.

use super::{LocalObjectStore, create_durable, read, unless_there, write};
use crate::fit::{FORMAT, LONGEST_MARKER, MARKER, Marker, Unfit, Use};
use crate::key;
use bytes::Bytes;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::Ordering;

impl LocalObjectStore {
    /// Finds out whether the folder is fit for what it is to be used for. Who reads writes nothing, and finds nothing
    /// in a folder that is missing. Who writes makes the folder, and puts the marker where it is missing and nothing
    /// else stands. Where anything is refused nothing was changed.
    pub async fn prove(&self, used: Use) -> Result<(), Unfit> {
        let (root, sync) = (self.root.clone(), self.sync);
        let count = self.written.fetch_add(1, Ordering::Relaxed);
        let place = root.display().to_string();
        let proven = super::blocking(move || {
            if let Err(unfit) = look(&root) {
                return Ok(Err(unfit));
            }
            if used == Use::Read {
                return Ok(Ok(()));
            }
            let temporary = root.join(format!(".{}.{count}.tmp", std::process::id()));
            let marker = Bytes::from_static(FORMAT);
            let put = create_durable(&root, sync)
                .and_then(|()| write(&root.join(MARKER), &temporary, &marker, unless_there, sync));
            Ok(put.map(drop).map_err(|error| unfit(&root, "writing", &error)))
        });
        proven.await.unwrap_or_else(|error| {
            Err(Unfit::Refused { place, what: "looking at it", problem: error.to_string() })
        })
    }
}

/// Refuses a folder that is not ours. Hidden files are nobody's objects, nor is what no key can begin with: a file
/// system has them in its root.
fn look(root: &Path) -> Result<(), Unfit> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unfit(root, "listing", &error)),
    };
    let mut is_empty = true;
    for entry in entries {
        let entry = entry.map_err(|error| unfit(root, "listing", &error))?;
        is_empty &= entry.file_name().to_str().is_some_and(|name| key::check(name).is_err());
    }
    let marker = match read(&root.join(MARKER), LONGEST_MARKER) {
        Ok(bytes) => Marker::of(Some(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Marker::None,
        Err(error) => return Err(unfit(root, "reading", &error)),
    };
    let place = root.display().to_string();
    match marker {
        Marker::Other => Err(Unfit::Version { place }),
        Marker::None if !is_empty => Err(Unfit::Foreign { place }),
        Marker::Ours | Marker::None => Ok(()),
    }
}

fn unfit(root: &Path, what: &'static str, error: &io::Error) -> Unfit {
    let (place, problem) = (root.display().to_string(), error.to_string());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Unfit::Forbidden { place, what, problem }
        }
        _ => Unfit::Refused { place, what, problem },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_reader_makes_nothing_and_the_first_writer_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LocalObjectStore::at(folder.path().join("deep/objects"));
        store.prove(Use::Read).await.expect("nothing is there yet");
        assert_eq!(names(folder.path()), [""; 0]);
        for _ in 0..2 {
            store.prove(Use::Write).await.expect("empty, then ours");
            assert_eq!(names(&folder.path().join("deep/objects")), [MARKER]);
        }
        store.prove(Use::Read).await.expect("ours");
    }

    #[tokio::test]
    async fn what_a_file_system_has_in_its_root_and_what_a_crash_leaves_is_in_nobodys_way() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("lost+found")).expect("made");
        fs::write(folder.path().join(".17.0.tmp"), "atoll-ob").expect("written");
        LocalObjectStore::at(folder.path()).prove(Use::Write).await.expect("as good as empty");
    }

    #[tokio::test]
    async fn what_is_not_ours_is_refused_and_left_alone() {
        for (name, text, expected) in [
            ("holiday.jpg", "mine", "holds something else and no .atoll-objects"),
            (MARKER, "atoll-objects 2\n", "is of another version"),
            (MARKER, "", "is of another version"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join(name), text).expect("written");
            for used in [Use::Read, Use::Write] {
                let unfit = LocalObjectStore::at(folder.path()).prove(used).await.expect_err(name);
                let said = unfit.to_string();
                assert!(said.starts_with(&folder.path().display().to_string()), "{said}");
                assert!(said.contains(expected) && !unfit.is_away(), "{said}");
            }
            assert_eq!(names(folder.path()), [name]);
            assert_eq!(fs::read_to_string(folder.path().join(name)).expect("readable"), text);
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        let unfit = LocalObjectStore::at(file.path()).prove(Use::Write).await.expect_err("no folder");
        assert!(matches!(unfit, Unfit::Refused { what: "listing", .. }), "{unfit}");
    }
}
