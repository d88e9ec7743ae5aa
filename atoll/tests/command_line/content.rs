//! What a folder holds, to tell whether a refusal changed anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file under a folder, with its content; folders as empty ones with a name that ends in `/`, links with where
/// they lead.
pub(crate) fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(target) = path.read_link() {
            found.insert(path, target.into_os_string().into_encoded_bytes());
        } else if path.is_dir() {
            found.extend(content(&path));
            found.insert(path.join(""), Vec::new());
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}
