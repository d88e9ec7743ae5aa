//! The suite that every engine passes.

use super::StoredDatabase;
use async_trait::async_trait;
use cell_store::conformance::{Engine, Storage};
use std::sync::Arc;

struct Postgres;

#[async_trait]
impl Engine for Postgres {
    fn name(&self) -> String {
        "postgres".to_owned()
    }

    async fn fresh(&self) -> Arc<dyn Storage> {
        StoredDatabase::new().await
    }
}

cell_store::conformance_tests!(Postgres);
