//! Metering as a whole: the loop that takes objects in, and the API.

use crate::config::Config;
use crate::ingest::{self, IngestError, Ingested};
use crate::service::Usage;
use crate::store::{Store, StoreError, sql};
use atoll_api::call::RawService;
use atoll_internal_api::usage::v1::{CellManifest, UsageObject, usage_service};
use atoll_object_store::{ObjectStore, ObjectStoreError};
use prost::Message;
use sqlx::Row;
use std::sync::Arc;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Objects listed at once.
const LIST: usize = 1_000;

/// What metering is built from.
pub struct Deps {
    /// Where cells put their usage.
    pub objects: Arc<dyn ObjectStore>,
}

/// Metering, not running yet.
#[derive(Clone)]
pub struct Metering {
    store: Store,
    objects: Arc<dyn ObjectStore>,
    config: Config,
}

/// A look for new objects failed; the next one goes on where it stopped.
#[derive(Debug, Error)]
enum LookError {
    #[error(transparent)]
    Objects(#[from] ObjectStoreError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}: {1}")]
    Unreadable(String, String),
}

impl Metering {
    /// Opens the database.
    pub async fn build(config: Config, deps: Deps) -> Result<Self, StoreError> {
        let store = Store::open(&config.database).await?;
        Ok(Self { store, objects: deps.objects, config })
    }

    /// The usage API.
    pub fn service(&self) -> Arc<dyn RawService> {
        usage_service::raw(Arc::new(Usage { store: self.store.clone(), cells: self.config.cells.clone() }))
    }

    /// Takes objects in until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "usage not taken in; trying again");
                metrics::counter!("atoll_metering_look_errors").increment(1);
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.interval) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Takes one object in, whatever the order.
    pub async fn ingest(&self, object: &UsageObject) -> Result<Ingested, IngestError> {
        ingest::object(&self.store, object).await
    }

    /// Notes a cell and what its hours must contain.
    pub async fn note_cell(&self, manifest: &CellManifest) -> Result<(), StoreError> {
        ingest::manifest(&self.store, manifest).await
    }

    async fn look(&self) -> Result<(), LookError> {
        for key in self.objects.list(usage_object::manifest_prefix(), None, usize::MAX).await? {
            let Some(bytes) = self.objects.get(&key).await? else { continue };
            let manifest =
                CellManifest::decode(bytes).map_err(|error| LookError::Unreadable(key, error.to_string()))?;
            self.note_cell(&manifest).await?;
        }
        for row in sqlx::query(sql::CELL_LIST).fetch_all(&self.store.readers).await.map_err(StoreError::from)? {
            let read = || -> Result<(String, Vec<u8>, i64), sqlx::Error> {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
            };
            let (cell, incarnation, shards) = read().map_err(StoreError::from)?;
            for shard in 0..shards as u32 {
                self.look_at(&cell, &incarnation, shard).await?;
            }
        }
        Ok(())
    }

    /// Takes what a shard has written since the watermark, in order, up to a gap.
    async fn look_at(&self, cell: &str, incarnation: &[u8], shard: u32) -> Result<(), LookError> {
        let id = Uuid::from_slice(incarnation).map_err(|_| StoreError::Malformed("incarnation"))?;
        let prefix = usage_object::shard_prefix(cell, id, shard);
        let watermark = ingest::watermark(&self.store, cell, incarnation, shard).await?;
        let mut after: Option<String> = None;
        loop {
            let keys = self.objects.list(&prefix, after.as_deref(), LIST).await?;
            for key in &keys {
                // Wholly old ones are known by their name.
                if usage_object::parse_key(key).is_some_and(|(_, to)| to <= watermark) {
                    continue;
                }
                let Some(bytes) = self.objects.get(key).await? else { continue };
                let object = usage_object::decode(bytes)
                    .map_err(|error| LookError::Unreadable(key.clone(), error.to_string()))?;
                match self.ingest(&object).await? {
                    Ingested::Taken => metrics::counter!("atoll_metering_objects_taken").increment(1),
                    Ingested::Known => {}
                    Ingested::Gap => {
                        tracing::warn!(cell, shard, key, "rows before this object are missing; it waits");
                        return Ok(());
                    }
                }
            }
            match keys.last() {
                Some(last) if keys.len() == LIST => after = Some(last.clone()),
                _ => return Ok(()),
            }
        }
    }
}
