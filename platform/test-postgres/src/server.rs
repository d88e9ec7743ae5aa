//! A cluster and the server on it.

use crate::installed::{give, program, run};
use crate::tls::Authority;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Ends a server and removes its folder when the process that started it has gone: its input ends then, also where
/// that process was killed. `$1` is the folder.
const GUARD: &str = r#"
cat > /dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" && while kill -0 "$pid"; do sleep 0.05; done
rm -rf "$1"
"#;

/// Who may log in how: `locked` needs a password, which is `SECRET`; `ciphered` needs TLS.
const LOGINS: &str = "\
host    all locked   127.0.0.1/32 scram-sha-256
hostssl all ciphered 127.0.0.1/32 trust
host    all ciphered 127.0.0.1/32 reject
host    all all      127.0.0.1/32 trust
host    replication all 127.0.0.1/32 trust
";

/// How a server is to be beside the defaults.
#[derive(Default)]
pub struct Settings<'a> {
    /// Names and values, as in `postgresql.conf`.
    pub set: &'a [(&'a str, &'a str)],
    /// Speaks TLS, with a certificate of this authority.
    pub tls: Option<&'a Authority>,
}

/// How a server is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Sessions are ended and everything is written.
    Fast,
    /// As by a crash: the next start recovers.
    Crash,
}

/// A running PostgreSQL. Dropped, it ends and its files go.
pub struct Server {
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    guard: Child,
}

impl Server {
    /// Of the role `locked`; of nobody else.
    pub const PASSWORD: &'static str = "hush-7f3a";

    /// The server that the tests of this process share, made for the first of them. Nobody stops or configures it.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Server::start(&Settings::default()))
    }

    /// A server of the caller's own.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    pub fn start(settings: &Settings<'_>) -> Server {
        let server = Server::in_new_folder();
        let (folder, port) = (server.folder.clone(), server.port);
        let data = server.data();
        run(program("initdb")
            .arg("-D")
            .arg(&data)
            .args(["--no-sync", "-A", "trust", "-U", "postgres"])
            .args(["-E", "UTF8", "--locale=C"]));
        std::fs::write(data.join("pg_hba.conf"), LOGINS).expect("the logins are written");
        let mut conf = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 400\n\
             shared_buffers = 64MB\nmin_wal_size = 256MB\nmax_wal_size = 1GB\n"
        );
        if let Some(authority) = settings.tls {
            let (certificate, key) = authority.issue(&folder, "localhost");
            give(&folder);
            conf += &format!(
                "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
                certificate.display(),
                key.display()
            );
        }
        for (name, value) in settings.set {
            conf += &format!("{name} = '{value}'\n");
        }
        server.configure(&conf);
        server.resume();
        server.sql(
            "postgres",
            &format!(
                "CREATE ROLE locked LOGIN PASSWORD '{}'; CREATE ROLE ciphered LOGIN; CREATE ROLE powerless LOGIN",
                Self::PASSWORD
            ),
        );
        server
    }

    /// A server without a cluster, with a folder that goes when this process does.
    pub(crate) fn in_new_folder() -> Server {
        let folder = TempDir::with_prefix("atoll-postgres-").expect("a temporary folder").keep();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(&folder);
        // A group of its own: what ends the tests from a terminal is not to end what cleans up behind them.
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let guard = guard.spawn().expect("a shell");
        give(&folder);
        Server { folder, port: free_port(), databases: AtomicU32::new(0), guard }
    }

    /// Adds to the settings of a server that does not run. The last of a name counts.
    pub(crate) fn configure(&self, settings: &str) {
        let file = self.data().join("postgresql.conf");
        let own = std::fs::read_to_string(&file).expect("a configuration");
        std::fs::write(file, own + settings).expect("the configuration is written");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The process that all others of the server descend from, while it runs.
    pub fn pid(&self) -> u32 {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        file.lines().next().and_then(|line| line.parse().ok()).expect("its process")
    }

    /// An empty database that nobody else uses. Answers its name.
    pub fn database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        name
    }

    /// A database that is like another one, which has no sessions. Answers its name.
    pub fn copy(&self, template: &str) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        name
    }

    /// The URL of a database, as the server's superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_at(self.address(), database)
    }

    /// The URL of a database behind another address than the server's own.
    pub fn url_at(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://postgres@{address}/{database}")
    }

    /// Runs SQL as the superuser and answers the rows, one a line, columns with `|` between them.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(crate::installed::programs().join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"]);
        psql.args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        run(&mut psql).trim_end().to_owned()
    }

    /// Ends every other session of a database, and answers when they have gone: what they were doing is committed or
    /// undone then.
    pub fn end_sessions(&self, database: &str) {
        let others =
            format!("FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()");
        while self.sql("postgres", &format!("SELECT count(pg_terminate_backend(pid)) {others}")) != "0" {}
    }

    /// Stops the server; [`resume`](Self::resume) starts it again.
    pub fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Crash => "immediate",
        };
        run(program("pg_ctl").arg("-D").arg(self.data()).args(["-w", "-s", "-m", mode, "stop"]));
    }

    /// Starts the server again on its port, and answers when it takes connections.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    pub fn resume(&self) {
        let log = self.folder.join("log");
        let mut start = program("pg_ctl");
        start.arg("-D").arg(self.data()).arg("-l").arg(&log).args(["-w", "-s", "start"]);
        // Without pipes to it: the server would hold them open.
        start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = start.status().expect("pg_ctl runs");
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(started.success(), "PostgreSQL did not start:\n{}", said());
    }

    /// Changes a setting of the running server.
    pub fn set(&self, name: &str, value: &str) {
        self.sql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        run(program("pg_ctl").arg("-D").arg(self.data()).args(["-s", "reload"]));
        while self.sql("postgres", &format!("SHOW {name}")) != value {}
    }

    /// What the server has logged since it was made.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A folder that goes with the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // It has done what it could.
        let _ = self.guard.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    bound.local_addr().expect("its number").port()
}
