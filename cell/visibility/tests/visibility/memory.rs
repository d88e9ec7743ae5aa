//! The memory engine passes the suite of all engines.

use std::sync::Arc;

use cell_visibility::{MemoryVisibility, VisibilityStore};

async fn fresh() -> ((), Arc<dyn VisibilityStore>) {
    ((), Arc::new(MemoryVisibility::new()))
}

cell_visibility::conformance_tests!(fresh);
