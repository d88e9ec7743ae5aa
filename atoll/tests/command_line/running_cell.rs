//! A cell that serves.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Serves `cell.db`.
pub(crate) const CELL: [&str; 6] = ["cell", "serve", "--port", "0", "--database-url", "sqlite:cell.db"];

/// `atoll cell serve` or `atoll server start-dev`.
pub(crate) struct RunningCell(Child);

impl RunningCell {
    /// Starts one in `folder` and waits until it says that it serves.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut cell = Command::new(env!("CARGO_BIN_EXE_atoll"))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(cell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("serves on") || line.contains("development server"), "{arguments:?}: {line:?}");
        Self(cell)
    }

    /// Stops it as a user does.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_raw(self.0.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
