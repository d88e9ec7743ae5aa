//! What every end-to-end test uses.

pub(crate) mod cloud;
pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod storage;
pub(crate) mod story;

use std::path::{Path, PathBuf};
use std::time::Instant;

/// The binary under test, as built by this very test run.
pub(crate) fn atoll() -> &'static str {
    env!("CARGO_BIN_EXE_atoll")
}

/// The `tests` folder.
pub(crate) fn tests_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests")
        .canonicalize()
        .expect("tests/ stands beside atoll/")
}

/// Asks again and again until there is an answer; fails with what was awaited and the last reason against it.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let give_up = Instant::now() + process::PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) => assert!(Instant::now() < give_up, "never came: {what}; last: {reason}"),
        }
        std::thread::sleep(process::PAUSE);
    }
}
