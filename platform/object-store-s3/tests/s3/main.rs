//! S3 as an engine against a server that speaks the protocol and fails as it is told.

mod answers;
mod chance;
mod parts;
mod proof;

use atoll_object_store::conformance::Storage;
use atoll_object_store::{ObjectStore, Use, conformance_tests};
use atoll_object_store_s3::{Limits, S3Location, S3ObjectStore};
use atoll_test_s3::Server;
use std::sync::Arc;
use std::time::Duration;

/// Bounds that tell what hangs from what works on a busy machine, and short pauses between attempts.
fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(60),
        attempt: Duration::from_secs(60),
        request: Duration::from_secs(300),
        read: Duration::from_secs(300),
        proof: Duration::from_secs(300),
        backoff: Duration::from_millis(1),
        part_bytes: Limits::LEAST_PART_BYTES,
        ..Limits::default()
    }
}

/// A server with one bucket, in which a prefix is the store's.
struct Bucket {
    server: Server,
    prefix: &'static str,
}

impl Bucket {
    async fn at(prefix: &'static str) -> Self {
        let server = Server::start().await;
        server.make_bucket("bucket");
        Self { server, prefix }
    }

    fn location(&self) -> S3Location {
        S3Location::parse(&self.server.url(&format!("bucket/{}", self.prefix))).unwrap()
    }

    async fn store(&self) -> S3ObjectStore {
        self.store_within(limits()).await
    }

    async fn store_within(&self, limits: Limits) -> S3ObjectStore {
        let store = S3ObjectStore::with_limits(self.location(), Use::Write, limits).await;
        store.prove().await.unwrap();
        store
    }
}

#[async_trait::async_trait]
impl Storage for Bucket {
    async fn start(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.store().await)
    }
}

conformance_tests!(bucket, async { Bucket::at("").await });
conformance_tests!(prefix, async { Bucket::at("eu/one").await });
