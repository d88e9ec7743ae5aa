//! Finding usage objects and taking them in.
//!
//! A look lists manifests and, for each shard that they name, the objects behind its watermark. Objects are taken in in
//! the order of their rows; where rows are missing the shard waits and its neighbours go on. A look that failed changes
//! nothing that the next one would not find.

mod ahead;
mod alerts;
mod look;
mod meters;
mod objects;
mod refused;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use atoll_object_store::{ObjectStore, ObjectStoreError};
use atoll_rpc::Clock;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::store::{Store, StoreError};

pub(crate) use look::Memory;

/// A look, or a part of one, failed. The next one tries again.
#[derive(Debug, Error)]
pub(crate) enum IngestError {
    /// The object store.
    #[error(transparent)]
    Objects(#[from] ObjectStoreError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// When the last whole look began; shared with who answers questions.
#[derive(Debug, Clone)]
pub(crate) struct Looked(Arc<AtomicI64>);

/// The time of a look that nobody told the time: later than everything.
const TIMELESS: i64 = i64::MAX;

impl Looked {
    /// Never yet.
    pub(crate) fn never() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }

    /// Unix milliseconds; none before the first whole look of this process.
    pub(crate) fn at_ms(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Acquire)).filter(|at| *at != i64::MIN)
    }

    fn set(&self, at_ms: i64) {
        self.0.store(at_ms, Ordering::Release);
    }
}

/// Takes usage in.
pub(crate) struct Ingest {
    pub(crate) store: Store,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) config: Config,
    pub(crate) looked: Looked,
}

impl Ingest {
    /// Looks again and again until `stop`. A look that is under way ends with the object it is at.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut memory = Memory::default();
        loop {
            self.look(&mut memory, &stop).await;
            tokio::select! {
                () = tokio::time::sleep(self.config.interval) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
