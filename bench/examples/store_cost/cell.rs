//! The cell: a process of the binary under measurement.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::Lists;
use crate::database::Database;

/// The namespace of the load.
pub(crate) const NAMESPACE: &str = "default";
/// What a start may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// One tenant's rate is not what is measured.
const SETTINGS: &str =
    "[dynamic]\n\"frontend.namespaceRPS\" = 1000000\n\"frontend.namespaceRPS.visibility\" = 1000000\n";

/// A cell that serves; killed when dropped.
pub(crate) struct Cell {
    child: Child,
    port: u16,
    /// Its files go with it.
    _folder: TempDir,
}

impl Cell {
    /// Starts one on the database, and waits until it takes calls.
    pub(crate) fn start(program: &Path, database: &Database, lists: Lists) -> Result<Self> {
        let folder = TempDir::new()?;
        let settings = folder.path().join("cell.toml");
        std::fs::write(&settings, SETTINGS)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(["cell", "serve", "--namespace", NAMESPACE, "--ip", "127.0.0.1", "--port"]);
        command.arg(port.to_string()).arg("--config").arg(&settings).arg("--data").arg(folder.path());
        command.env("ATOLL_DATABASE_URL", database.url());
        if lists == Lists::Database {
            command.env("ATOLL_VISIBILITY_DATABASE_URL", database.lists_url());
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut cell = Self { child, port, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(cell.address()).is_err() {
            ensure!(cell.child.try_wait()?.is_none(), "the cell has ended");
            ensure!(begun.elapsed() < PATIENCE, "the cell does not serve after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(cell)
    }

    /// `host:port` of its frontend.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
