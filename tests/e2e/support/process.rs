//! Processes of the binary under test. Each is stopped by its own id when the test ends, however it ends.

use super::atoll;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// Tells *hung* from *works*; nothing here is a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is awaited.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// A lone cell: a development server, or one that is served as an operator serves it.
pub(crate) struct DevServer {
    child: Child,
    arguments: Vec<String>,
    /// What it says on standard error.
    log: NamedTempFile,
    /// `host:port` of its frontend.
    pub(crate) address: String,
}

impl DevServer {
    /// Starts `atoll server start-dev` on a free port and waits until it answers.
    pub(crate) fn start(extra: &[&str]) -> Self {
        Self::serving(&["server", "start-dev", "--headless"], extra)
    }

    /// Starts `atoll cell serve` with namespace `default`, as [`start`](Self::start) does.
    pub(crate) fn cell(extra: &[&str]) -> Self {
        Self::serving(&["cell", "serve", "--namespace", "default"], extra)
    }

    fn serving(command: &[&str], extra: &[&str]) -> Self {
        let port = free_port();
        let log = NamedTempFile::new().expect("log file");
        let listen = ["--ip", "127.0.0.1", "--port", &port.to_string()];
        let fixed = [command, &listen].concat();
        let arguments: Vec<String> = fixed.iter().chain(extra).map(|word| (*word).to_owned()).collect();
        let address = format!("127.0.0.1:{port}");
        let child = serve(&arguments, &log, &address);
        Self { child, arguments, log, address }
    }

    /// Ends it at once, as a power cut would, and starts it again in the same place.
    pub(crate) fn crash_and_restart(&mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("the process is ours");
        self.child = serve(&self.arguments, &self.log, &self.address);
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the process is ours").is_none()
    }

    /// What it has said on standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("readable")
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("--- what the server said\n{}", self.log());
        }
    }
}

fn serve(arguments: &[String], log: &NamedTempFile, address: &str) -> Child {
    let mut child = Command::new(atoll())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.reopen().expect("log file"))
        .spawn()
        .expect("the binary starts");
    drain(child.stdout.take().expect("piped"));
    wait_for_port(address, &mut child);
    child
}

/// Copies a child's output to the test's own, so that it stands beside a failure.
fn drain(stdout: impl std::io::Read + Send + 'static) {
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
        }
    });
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("loopback").port()
}

/// Waits until something listens, or fails when the process has ended.
pub(crate) fn wait_for_port(address: &str, child: &mut Child) {
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = child.try_wait().expect("the process is ours") {
            panic!("the server ended with {status} before it listened on {address}");
        }
        assert!(began.elapsed() < PATIENCE, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
