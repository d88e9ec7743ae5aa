//! What every end-to-end test uses.

pub mod process;
pub mod python;

use std::path::{Path, PathBuf};

/// The binary under test, as built by this very test run.
pub fn atoll() -> &'static str {
    env!("CARGO_BIN_EXE_atoll")
}

/// The `tests` folder.
pub fn tests_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").canonicalize().expect("tests/ stands beside atoll/")
}
