//! Finding usage objects and taking them in.
//!
//! A look lists manifests and, for each shard that they name, the objects behind its watermark. Objects are taken in in
//! the order of their rows; where rows are missing the shard waits and its neighbours go on. A look that failed changes
//! nothing that the next one would not find.

mod ahead;
mod alerts;
mod look;
mod looked;
mod meters;
mod objects;
mod refused;
mod settle;

use std::sync::Arc;

use atoll_object_store::{ObjectStore, ObjectStoreError};
use atoll_rpc::Clock;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::store::{Store, StoreError};

pub(crate) use look::Memory;
pub(crate) use looked::{Looked, Waiting, Whole};

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
