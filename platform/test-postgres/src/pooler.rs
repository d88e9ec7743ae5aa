//! A PgBouncer before a server.

use crate::installed::{give, pooler, run};
use crate::server::{Server, free_port};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Runs the pooler until its own input ends. `$@` is the command.
const GUARD: &str = r#"
"$@" &
cat > /dev/null
kill -KILL $!
"#;

/// A pooler that lends the sessions of a server for a transaction each, and has few of them. Dropped, or with the
/// process that made it, it ends.
pub struct Pooler {
    port: u16,
    guard: Child,
    _folder: TempDir,
}

impl Pooler {
    /// A pooler before a server. PgBouncer's Debian package is installed where it is missing.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not start.
    pub fn before(server: &Server) -> Pooler {
        let (port, folder) =
            (free_port(), TempDir::with_prefix("atoll-pooler-").expect("a temporary folder"));
        let to = server.address();
        let settings = format!(
            "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\npool_mode = transaction\nauth_type = any\ndefault_pool_size = 3\n\
             max_client_conn = 400\n",
            to.ip(),
            to.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("its settings");
        give(folder.path());
        let program = pooler();
        let mut guard = Command::new("sh");
        guard
            .args(["-c", GUARD, "guard"])
            .arg(program.get_program())
            .args(program.get_args())
            .arg("-q")
            .arg(&file);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let guard = guard.spawn().expect("a shell");
        let mut pooler = Pooler { port, guard, _folder: folder };
        while TcpStream::connect(pooler.address()).is_err() {
            let ended = pooler.guard.try_wait().expect("a state");
            assert!(ended.is_none(), "PgBouncer did not start: {ended:?}");
            run(Command::new("sleep").arg("0.02"));
        }
        pooler
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // It has done what it could.
        let _ = self.guard.wait();
    }
}
