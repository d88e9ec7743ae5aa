//! A comment is no wider than what is read beside code without turning one's head.

use crate::sources::rust_files;
use std::path::{Path, PathBuf};

/// Columns of a line that is a comment, at most.
const COLUMNS: usize = 120;

/// The workspace's folders, but for what a build leaves and what is hidden.
fn folders(root: &Path) -> impl Iterator<Item = PathBuf> {
    let all = std::fs::read_dir(root).expect("a folder").map(|entry| entry.expect("readable").path());
    all.filter(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        path.is_dir() && name != "target" && !name.starts_with('.')
    })
}

#[test]
fn no_comment_is_wider_than_120_columns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace");
    let files = rust_files(folders(&root));
    assert!(files.len() > 1_000, "{} files", files.len());
    let mut wide = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        let comments = text.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with("//"));
        let wider = comments.filter(|(line, _)| line.chars().count() > COLUMNS);
        wide.extend(wider.map(|(_, number)| format!("{}:{number}", file.display())));
    }
    assert!(wide.is_empty(), "comments wider than {COLUMNS} columns:\n{}", wide.join("\n"));
}
