//! Processes of the binary under test. Each is stopped by its own id when the test ends, however it ends.

use super::atoll;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Tells *hung* from *works*; nothing here is a measurement.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A lone development server.
pub struct DevServer {
    child: Child,
    /// `host:port` of its frontend.
    pub address: String,
}

impl DevServer {
    /// Starts `atoll server start-dev` on a free port and waits until it answers.
    pub fn start(extra: &[&str]) -> Self {
        let port = free_port();
        let mut child = Command::new(atoll())
            .args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", &port.to_string()])
            .args(["--log-level", "warn"])
            .args(extra)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        drain(child.stdout.take().expect("piped"));
        let address = format!("127.0.0.1:{port}");
        wait_for_port(&address, &mut child);
        Self { child, address }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("the process was ours");
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("loopback").port()
}

/// Waits until something listens, or fails when the process has ended.
pub fn wait_for_port(address: &str, child: &mut Child) {
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = child.try_wait().expect("the process is ours") {
            panic!("the server ended with {status} before it listened on {address}");
        }
        assert!(began.elapsed() < PATIENCE, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
