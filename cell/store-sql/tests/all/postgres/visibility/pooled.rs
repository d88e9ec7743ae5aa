//! The suite behind a pooler, which hands each transaction to another session of the server.

use super::{connect, database, options};
use atoll_test_postgres::{Pooler, Server};
use cell_visibility::VisibilityStore;
use std::sync::{Arc, OnceLock};

async fn fresh() -> ((), Arc<dyn VisibilityStore>) {
    static POOLER: OnceLock<Pooler> = OnceLock::new();
    let pooler = POOLER.get_or_init(|| Pooler::before(Server::shared()));
    let mut options = options(&Server::shared().url_at(pooler.address(), &database().await));
    options.pooled = true;
    ((), Arc::new(connect(options).await))
}

cell_visibility::conformance_tests!(fresh);
