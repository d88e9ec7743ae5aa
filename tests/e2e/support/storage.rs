//! Where a cloud stores.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use atoll_test_postgres::Server;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// In files, or on servers that go with this.
#[derive(Default)]
pub(crate) struct Storage {
    arguments: Vec<String>,
    /// Holds the file with the URL.
    _folder: Option<TempDir>,
    /// Speaks S3 as long as its runtime runs.
    objects: Option<(atoll_test_s3::Server, Runtime)>,
}

impl Storage {
    /// What no process says or shows.
    pub(crate) const SECRETS: [&'static str; 2] = [Server::PASSWORD, atoll_test_s3::Server::SECRET];

    /// Files of the cloud's folder.
    pub(crate) fn in_files() -> Self {
        Self::default()
    }

    /// New databases of a PostgreSQL server; usage goes through a folder.
    pub(crate) fn on_postgresql() -> Self {
        static CLOUDS: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("url");
        std::fs::write(&file, maker()).expect("a URL");
        let prefix = format!("cloud_{}", CLOUDS.fetch_add(1, Ordering::Relaxed));
        let file = file.display().to_string();
        let arguments = ["--database-url-file", &file, "--database-prefix", &prefix].map(str::to_owned);
        Self { arguments: arguments.into(), _folder: Some(folder), objects: None }
    }

    /// The same, and usage goes through a bucket.
    pub(crate) fn on_postgresql_and_s3() -> Self {
        let mut storage = Self::on_postgresql();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let objects = runtime.block_on(atoll_test_s3::Server::start());
        objects.make_bucket("usage");
        storage.arguments.extend(["--objects-url".to_owned(), objects.url("usage/dev")]);
        storage.objects = Some((objects, runtime));
        storage
    }

    /// What `atoll dev` is told of it.
    pub(crate) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Files that stand in the bucket.
    pub(crate) fn objects(&self) -> usize {
        let (server, _) = self.objects.as_ref().expect("usage goes through a bucket");
        let mut folders = vec![server.bucket("usage")];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable")) {
                if entry.path().is_dir() { folders.push(entry.path()) } else { count += 1 }
            }
        }
        count
    }
}

/// The URL of the maintenance database, as a role with a password that may make databases.
fn maker() -> String {
    static ROLE: OnceLock<()> = OnceLock::new();
    let server = Server::shared();
    ROLE.get_or_init(|| {
        server.sql("postgres", "ALTER ROLE locked CREATEDB");
    });
    server.url("postgres").replace("postgres@", &format!("locked:{}@", Server::PASSWORD))
}
