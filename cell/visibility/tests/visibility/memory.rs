//! The memory engine passes the suite of all engines.

use std::sync::Arc;

use cell_visibility::{MemoryVisibility, VisibilityStore, conformance};

#[tokio::test]
async fn conforms() {
    conformance::run("memory", || async { Arc::new(MemoryVisibility::new()) as Arc<dyn VisibilityStore> })
        .await;
}
