//! Namespaces that tenants of a lone cell manage themselves.

use crate::admin::store_status;
use crate::namespaces::CellRecords;
use async_trait::async_trait;
use atoll_api::call::Status;
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::NamespaceWriter;
use cell_store::PutOutcome;
use std::sync::Arc;

/// Writes to the cell's records.
pub(crate) struct RecordWriter(pub(crate) Arc<CellRecords>);

#[async_trait]
impl NamespaceWriter for RecordWriter {
    async fn write(&self, namespace: Arc<Namespace>) -> Result<(), Status> {
        match self.0.put_namespace(namespace.spec.clone()).await.map_err(store_status)? {
            PutOutcome::Written => Ok(()),
            // The same generation too is another's change: what was asked for now is not in it.
            PutOutcome::Stale(_) => Err(Status::unavailable("the namespace was changed at the same time")),
        }
    }
}
