//! The sources that a rule looks at.

use std::path::PathBuf;

/// All files below these folders.
pub(crate) fn files(folders: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let (mut folders, mut files): (Vec<PathBuf>, _) = (folders.into_iter().collect(), Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

/// All Rust files below these folders.
pub(crate) fn rust_files(folders: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut files = files(folders);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
}
