//! `CellAdmin`: what the control plane asks of this cell, on a listener of its own.

mod quarantine;
mod rebuild;

use crate::namespaces::CellRecords;
use crate::projections::{OutboxWatch, UsageExporter, VisibilityProjection};
use crate::status::{store_status, visibility_status};
use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_internal_api::cell::v1::{self as cell, CellAdmin};
use bytes::Bytes;
use cell_frontend::auth::KeySet;
use cell_frontend::namespaces::{Namespace, NamespaceRegistry};
use cell_shard::ShardRuntime;
use cell_store::PutOutcome;
use std::sync::Arc;
use uuid::Uuid;

/// Serves `CellAdmin`. Every call is idempotent; an older generation changes nothing and succeeds.
pub(crate) struct Admin {
    pub(crate) cell_id: String,
    pub(crate) records: Arc<CellRecords>,
    pub(crate) registry: Arc<NamespaceRegistry>,
    pub(crate) keys: Arc<KeySet>,
    pub(crate) shards: Arc<ShardRuntime>,
    pub(crate) incarnation: Uuid,
    pub(crate) visibility: Arc<VisibilityProjection>,
    pub(crate) outbox: Arc<OutboxWatch>,
    /// Where the cell exports usage.
    pub(crate) usage: Option<Arc<UsageExporter>>,
}

#[async_trait]
impl CellAdmin for Admin {
    async fn apply_namespace(
        &self,
        _ctx: &CallContext,
        request: cell::ApplyNamespaceRequest,
    ) -> Result<cell::ApplyNamespaceResponse, Status> {
        let spec = request.spec.ok_or_else(|| Status::invalid_argument("spec is not set"))?;
        if spec.name.is_empty() || Uuid::from_slice(&spec.id).is_err() {
            return Err(Status::invalid_argument("a namespace needs a name and a 16-byte id"));
        }
        let pushed = spec.generation;
        let generation = match self.records.put_namespace(spec).await.map_err(store_status)? {
            PutOutcome::Written => pushed,
            PutOutcome::Stale(held) => held,
        };
        Ok(cell::ApplyNamespaceResponse { generation })
    }

    async fn remove_namespace(
        &self,
        _ctx: &CallContext,
        request: cell::RemoveNamespaceRequest,
    ) -> Result<cell::RemoveNamespaceResponse, Status> {
        let id = Uuid::from_slice(&request.id).map_err(|_| Status::invalid_argument("id is not 16 bytes"))?;
        self.records.remove_namespace(id, request.generation).await.map_err(store_status)?;
        // A newer generation of it stays, with its records.
        if self.registry.by_id(id).is_none() {
            self.visibility.forget_namespace(id).await.map_err(visibility_status)?;
        }
        Ok(cell::RemoveNamespaceResponse {})
    }

    async fn apply_key_set(
        &self,
        _ctx: &CallContext,
        request: cell::ApplyKeySetRequest,
    ) -> Result<cell::ApplyKeySetResponse, Status> {
        let generation = self.records.put_key_set(request).await.map_err(store_status)?;
        Ok(cell::ApplyKeySetResponse { generation })
    }

    async fn list_quarantined(
        &self,
        _ctx: &CallContext,
        request: cell::ListQuarantinedRequest,
    ) -> Result<cell::ListQuarantinedResponse, Status> {
        Ok(quarantine::list(&self.shards, &request))
    }

    async fn show_quarantined(
        &self,
        _ctx: &CallContext,
        request: cell::ShowQuarantinedRequest,
    ) -> Result<cell::ShowQuarantinedResponse, Status> {
        quarantine::show(&self.shards, request).await
    }

    async fn retry_quarantined(
        &self,
        _ctx: &CallContext,
        request: cell::RetryQuarantinedRequest,
    ) -> Result<cell::RetryQuarantinedResponse, Status> {
        quarantine::retry(&self.shards, request).await
    }

    async fn drop_quarantined(
        &self,
        _ctx: &CallContext,
        request: cell::DropQuarantinedRequest,
    ) -> Result<cell::DropQuarantinedResponse, Status> {
        quarantine::drop(&self.shards, request).await
    }

    async fn rebuild_visibility(
        &self,
        _ctx: &CallContext,
        request: cell::RebuildVisibilityRequest,
    ) -> Result<cell::RebuildVisibilityResponse, Status> {
        self.rebuild_page(&request).await
    }

    async fn confirm_clock(
        &self,
        _ctx: &CallContext,
        _request: cell::ConfirmClockRequest,
    ) -> Result<cell::ConfirmClockResponse, Status> {
        self.shards.confirm_clock();
        Ok(cell::ConfirmClockResponse {})
    }

    async fn get_status(
        &self,
        _ctx: &CallContext,
        _request: cell::GetStatusRequest,
    ) -> Result<cell::GetStatusResponse, Status> {
        let identity = self.shards.identity();
        let owned = self.shards.serving() as u32;
        let mut problems = self.shards.problems();
        if owned < identity.shard_count {
            problems.insert(0, format!("{owned} of {} shards are served", identity.shard_count));
        }
        let waiting = self.outbox.problems();
        let healthy = owned == identity.shard_count && self.shards.is_well() && waiting.is_empty();
        problems.extend(waiting);
        problems.extend(self.usage.as_ref().and_then(|usage| usage.problem()));
        problems.extend(self.shards.set_aside().into_iter().map(|(projection, count)| {
            format!("{count} items of {projection} are set aside in the outbox: its sink refuses them")
        }));
        Ok(cell::GetStatusResponse {
            cell_id: self.cell_id.clone(),
            incarnation: Bytes::copy_from_slice(self.incarnation.as_bytes()),
            shard_count: identity.shard_count,
            shards_owned: owned,
            key_set_generation: self.keys.generation(),
            namespaces: self.registry.all().iter().map(|namespace| status_of(namespace)).collect(),
            healthy,
            problems,
            open_runs: self.shards.open_runs(),
            quarantined: self.shards.quarantined(None, 0).1,
        })
    }
}

fn status_of(namespace: &Namespace) -> cell::NamespaceStatus {
    cell::NamespaceStatus {
        id: Bytes::copy_from_slice(namespace.id.as_bytes()),
        name: namespace.name.to_string(),
        generation: namespace.spec.generation,
    }
}
