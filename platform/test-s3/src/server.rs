//! The server.

use crate::faults::Faults;
use crate::layer::Layer;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The only key that it knows, and its secret.
const KEY_ID: &str = "test-key";
const SECRET: &str = "test-secret-hush";

/// A server with buckets in a folder of its own. Ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    buckets: TempDir,
    private: TempDir,
    layer: Arc<Layer>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// What no message may hold.
    pub const SECRET: &str = SECRET;

    /// A server without buckets, on a free port of this machine.
    pub async fn start() -> Self {
        let buckets = tempfile::tempdir().expect("a folder");
        let private = tempfile::tempdir().expect("a folder");
        write_keys(&private.path().join("credentials"), KEY_ID, SECRET);
        let files = s3s_fs::FileSystem::new(buckets.path()).expect("a folder of buckets");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let layer = Arc::new(Layer {
            service: service.build(),
            faults: Faults::none(),
            files: buckets.path().to_owned(),
            turn: Default::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let accepting = tokio::spawn(accept(listener, Arc::clone(&layer)));
        Self { address, buckets, private, layer, accepting }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a bucket.
    pub fn make_bucket(&self, name: &str) {
        std::fs::create_dir(self.buckets.path().join(name)).expect("a new bucket");
    }

    /// The files of a bucket, one an object.
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.buckets.path().join(name)
    }

    /// The URL of a place in it, with credentials that it takes.
    pub fn url(&self, place: &str) -> String {
        self.url_with(place, &self.private.path().join("credentials"))
    }

    /// The URL of a place in it, with credentials of this file.
    pub fn url_with(&self, place: &str, credentials: &Path) -> String {
        let (endpoint, file) = (self.endpoint(), credentials.display());
        format!("s3://{place}?endpoint={endpoint}&path_style=true&credentials_file={file}")
    }

    /// A file of credentials.
    pub fn credentials(&self, key_id: &str, secret: &str) -> PathBuf {
        let path = self.private.path().join(format!("{key_id}-{}", secret.len()));
        write_keys(&path, key_id, secret);
        path
    }

    /// Credentials that it takes: id and secret.
    pub fn keys(&self) -> (&'static str, &'static str) {
        (KEY_ID, SECRET)
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.layer.faults
    }

    /// Files that it keeps beside the buckets for this: parts of uploads, half-written objects.
    pub fn leftovers(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.buckets.path()).expect("readable");
        let names = names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".upload") || name.starts_with(".tmp")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn write_keys(path: &Path, key_id: &str, secret: &str) {
    let text = format!("[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n");
    std::fs::write(path, text).expect("a file of credentials");
}

async fn accept(listener: TcpListener, layer: Arc<Layer>) {
    // Ends with the task, and every connection with it.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let layer = Arc::clone(&layer);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let layer = Arc::clone(&layer);
                async move { layer.call(request).await }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            // A client that goes away, or a fault.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
