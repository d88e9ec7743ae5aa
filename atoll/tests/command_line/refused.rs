//! A start that must fail and change nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::content::content;
use crate::run::atoll;

/// Runs `atoll` in a folder where it must fail with one line that holds `message`, and change nothing.
pub(crate) fn refused(folder: &Path, arguments: &[&str], message: &str) {
    refused_but_for(folder, arguments, message, |_| false);
}

/// As [`refused`]; files that `ignored` names may come, go and change.
pub(crate) fn refused_but_for(
    folder: &Path,
    arguments: &[&str],
    message: &str,
    ignored: impl Fn(&Path) -> bool,
) {
    let look = || -> BTreeMap<PathBuf, Vec<u8>> {
        content(folder).into_iter().filter(|(path, _)| !ignored(path)).collect()
    };
    let before = look();
    let outcome = atoll(folder, arguments);
    assert_eq!(outcome.code, 1, "{arguments:?}: {outcome:?}");
    assert!(outcome.err.contains(message), "{arguments:?}: {message:?} is not in {outcome:?}");
    assert_eq!(outcome.err.lines().count(), 1, "{arguments:?}: {outcome:?}");
    assert_eq!(outcome.out, "", "{arguments:?}");
    let after = look();
    let names = [before.keys().collect::<Vec<_>>(), after.keys().collect()];
    assert_eq!(names[0], names[1], "{arguments:?} made or removed something");
    assert!(before == after, "{arguments:?} changed the content of something");
}

/// To be ignored where a process runs on the database: it may write to its log meanwhile.
pub(crate) fn is_log(path: &Path) -> bool {
    ["-wal", "-shm"].iter().any(|end| path.to_string_lossy().ends_with(end))
}
