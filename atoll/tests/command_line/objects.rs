//! Pieces on an object store: a real server that speaks S3, and that fails as it is told.

mod away;
mod goes_through;
mod refuses;

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use atoll_test_s3::{Operation, Server};

use crate::asking::Asker;
use crate::content::content;

/// Of the cell's admin listener, and of the pieces for one another.
const TOKEN: &str = "of-the-pieces";
/// What a prefix holds of a store that nobody has written to.
const MARKER: &str = ".atoll-objects";
const ASKER: Asker = Asker::with(TOKEN);
/// What is asked of a server to find out whether a bucket is fit.
const PROOF: [Operation; 3] = [Operation::List, Operation::Get, Operation::Put];

/// A server with one bucket, in which the prefix `eu` is the pieces'.
struct Bucket(Server);

impl Bucket {
    async fn new() -> Self {
        let server = Server::start().await;
        server.make_bucket("usage");
        Self(server)
    }

    fn url(&self) -> String {
        self.0.url("usage/eu")
    }

    /// What refusals call it.
    fn place(&self) -> String {
        format!("objects s3://usage/eu at {}", self.0.endpoint())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.bucket("usage").join(name)
    }

    /// The names of its objects.
    fn names(&self) -> Vec<String> {
        let folder = self.0.bucket("usage");
        let files = content(&folder).into_keys().filter(|path| path.is_file());
        files.map(|path| path.strip_prefix(&folder).unwrap().display().to_string()).collect()
    }
}

/// A cell with an admin listener, and metering: `cell.toml` and `metering.toml`. Answers where the cell's admin
/// listener is.
fn configure(folder: &Path) -> String {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let cell = format!(
        "auth = \"keys\"\ndrain_seconds = 1\ninternal_token = \"{TOKEN}\"\nusage_interval_seconds = 1\n\
         log = {{ level = \"error\" }}\n[[namespaces]]\nname = \"default\"\naccount_id = \"acme1\"\n\
         [admin]\nlisten = \"{admin}\"\ntoken = \"{TOKEN}\"\n"
    );
    std::fs::write(folder.join("cell.toml"), cell).unwrap();
    let metering = format!(
        "listen = \"127.0.0.1:0\"\ndatabase_url = \"sqlite:metering.db\"\ninternal_token = \"{TOKEN}\"\n\
         cells = []\ningest_interval_seconds = 1\nlog = {{ level = \"error\" }}\n"
    );
    std::fs::write(folder.join("metering.toml"), metering).unwrap();
    admin
}

/// Serves `cell.db`, with usage going there.
fn cell(url: &str) -> [&str; 10] {
    let files = ["cell", "serve", "--config", "cell.toml", "--port", "0", "--database-url", "sqlite:cell.db"];
    let mut all = [""; 10];
    all[..8].copy_from_slice(&files);
    all[8..].copy_from_slice(&["--objects-url", url]);
    all
}

/// Takes usage in from there.
fn metering(url: &str) -> [&str; 6] {
    ["metering", "serve", "--config", "metering.toml", "--objects-url", url]
}
