//! Namespaces that tenants of a lone cell manage themselves.

use crate::namespaces::CellRecords;
use crate::status::store_status;
use async_trait::async_trait;
use atoll_api::call::Status;
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::NamespaceWriter;
use cell_store::PutOutcome;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Writes to the cell's records.
pub(crate) struct RecordWriter {
    pub(crate) records: Arc<CellRecords>,
    /// Creations that go on though their callers left.
    pub(crate) tasks: TaskTracker,
}

#[async_trait]
impl NamespaceWriter for RecordWriter {
    async fn create(&self, namespace: Arc<Namespace>) -> Result<bool, Status> {
        // To its end: a record that comes to stand after its caller left would be unknown to whoever looks before it
        // does.
        let records = Arc::clone(&self.records);
        let creating =
            self.tasks.spawn(async move { records.create_namespace(namespace.spec.clone()).await });
        let created = creating.await.map_err(|_| Status::internal("creating the namespace failed"))?;
        created.map_err(store_status)
    }

    async fn write(&self, namespace: Arc<Namespace>) -> Result<(), Status> {
        match self.records.put_namespace(namespace.spec.clone()).await.map_err(store_status)? {
            PutOutcome::Written => Ok(()),
            // The same generation too is another's change: what was asked for now is not in it.
            PutOutcome::Stale(_) => Err(Status::unavailable("the namespace was changed at the same time")),
        }
    }
}
