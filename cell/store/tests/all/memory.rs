//! The memory engine.

use async_trait::async_trait;
use cell_store::conformance::{Engine, Storage};
use cell_store::{MemoryStore, StoreError, Stores};
use std::sync::Arc;

struct Memory;

/// Memory that outlives the handles on it.
struct Held(MemoryStore);

#[async_trait]
impl Engine for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn fresh(&self) -> Arc<dyn Storage> {
        Arc::new(Held(MemoryStore::new()))
    }
}

#[async_trait]
impl Storage for Held {
    async fn start(&self) -> Result<Stores, StoreError> {
        Ok(self.0.stores())
    }
}

cell_store::conformance_tests!(Memory);
