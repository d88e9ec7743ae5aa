//! A process that serves.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Serves `cell.db`.
pub(crate) const CELL: [&str; 6] = ["cell", "serve", "--port", "0", "--database-url", "sqlite:cell.db"];

/// A piece of a cloud, or `atoll server start-dev`.
pub(crate) struct Running {
    process: Child,
    /// What it said when it served.
    said: String,
    /// Open until the end: it may have more to say.
    _output: BufReader<ChildStdout>,
}

impl Running {
    /// Starts one in `folder` and waits until it says that it serves.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, Stdio::inherit())
    }

    /// As [`start`](Self::start), for one that is expected to say something on standard error before it
    /// [fails](Self::fails).
    pub(crate) fn start_heard(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, Stdio::piped())
    }

    fn start_with(folder: &Path, arguments: &[&str], stderr: Stdio) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_atoll"))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert!(line.contains("serves on") || line.contains("development server"), "{arguments:?}: {line:?}");
        Self { process, said: line, _output: output }
    }

    /// Where a piece serves, `host:port`.
    pub(crate) fn address(&self) -> &str {
        let words = self.said.split_whitespace().map(|word| word.trim_end_matches('.'));
        let mut addresses = words.filter(|word| word.parse::<SocketAddr>().is_ok());
        addresses.next().unwrap_or_else(|| panic!("no address in {:?}", self.said))
    }

    /// Stops it as a user does.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_raw(self.process.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    /// Waits until one that is heard ends by itself, with a failure. What it wrote to standard error.
    pub(crate) fn fails(mut self) -> String {
        let mut problem = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut problem).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(1), "{problem}");
        problem
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Running {
    /// Nothing is left of a test that fails.
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
