//! A whole cell, in memory, with its admin listener: what it answers is what cells answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_internal_api::cell::v1::{GetStatusResponse, KeyRecord, NamespaceSpec};
use atoll_rpc::{CallOptions, ManualClock, RawClient};
use cell_frontend::DynamicConfig;
use cell_node::{Access, AdminConfig, CellConfig, CellDeps, CellHandle};
use cell_shard::ShardConfig;
use cell_store::MemoryStore;
use cell_store::fault::FaultStore;
use cell_visibility::MemoryVisibility;
use uuid::Uuid;

use super::schedules::step_ends;
use crate::cells::{CellClient, CellError, GrpcCellClient};
use crate::model::Cell;

/// Tells *hung* from *works*.
const PATIENCE: Duration = Duration::from_secs(30);
const ADMIN_TOKEN: &str = "admin";
const INTERNAL_TOKEN: &str = "internal";

/// A cell that verifies keys and gets its namespaces from the control plane.
pub(crate) struct RealCell {
    /// What it stores in, where a test holds or fails calls.
    pub(crate) store: FaultStore,
    handle: CellHandle,
    frontend: RawClient,
}

impl RealCell {
    pub(crate) async fn start(clock: ManualClock) -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        let config = CellConfig {
            cell_id: "a".to_owned(),
            region: "local".to_owned(),
            listen,
            edge: atoll_rpc::EdgeConfig::default(),
            admin: Some(AdminConfig { listen, token: ADMIN_TOKEN.into() }),
            access: Access::Keys { internal_token: Some(INTERNAL_TOKEN.into()) },
            namespaces: Vec::new(),
            manages_namespaces: false,
            dynamic: Arc::new(DynamicConfig::default()),
            usage_interval: Duration::from_secs(60),
            projections: cell_node::ProjectionConfig::default(),
            shards: ShardConfig { shard_count: 1, ..ShardConfig::default() },
            memory_budget: 1 << 30,
            store_kind: "memory",
            visibility_kind: "memory",
            drain: Duration::from_secs(1),
        };
        let store = FaultStore::new(MemoryStore::new().stores(), 1);
        let deps = CellDeps {
            stores: store.stores(),
            visibility: Arc::new(MemoryVisibility::new()),
            objects: None,
            clock: Arc::new(clock),
            ids: Arc::new(atoll_rpc::SystemIds),
            metrics: None,
        };
        let handle = cell_node::start(config, deps).await.unwrap();
        let frontend = RawClient::new(&handle.local_addr().to_string()).unwrap();
        Self { store, handle, frontend }
    }

    /// How the control plane reaches it: before a call is sent and before its answer is heard, a step ends.
    pub(crate) fn client(&self) -> Arc<dyn CellClient> {
        let admin = self.handle.admin_addr().unwrap().to_string();
        Arc::new(SteppedCell { admin, inner: GrpcCellClient::new(PATIENCE) })
    }

    /// Whether it takes this API key.
    pub(crate) async fn takes(&self, token: &str) -> bool {
        let options = CallOptions::timeout(PATIENCE).bearer(token);
        let request = wf::GetSystemInfoRequest::default();
        match self.frontend.call(workflow_service::GET_SYSTEM_INFO, &request, options).await {
            Ok(_) => true,
            Err(Status { code: Code::Unauthenticated, .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    /// Days for which a namespace's closed runs are kept; none where it does not hold it.
    pub(crate) async fn retention_days(&self, namespace: &str) -> Option<i64> {
        let options = CallOptions::timeout(PATIENCE).bearer(INTERNAL_TOKEN);
        let request = wf::DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() };
        match self.frontend.call(workflow_service::DESCRIBE_NAMESPACE, &request, options).await {
            Ok(found) => {
                let retention = found.config.and_then(|config| config.workflow_execution_retention_ttl);
                Some(retention.unwrap().seconds / 86_400)
            }
            Err(Status { code: Code::NotFound, .. }) => None,
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn stop(self) {
        self.handle.shutdown().await;
    }
}

struct SteppedCell {
    admin: String,
    inner: GrpcCellClient,
}

impl SteppedCell {
    fn reached(&self, cell: &Cell) -> Cell {
        Cell { admin: self.admin.clone(), token: ADMIN_TOKEN.into(), ..cell.clone() }
    }
}

#[async_trait]
impl CellClient for SteppedCell {
    async fn apply_namespace(&self, cell: &Cell, spec: NamespaceSpec) -> Result<u64, CellError> {
        step_ends().await;
        let answer = self.inner.apply_namespace(&self.reached(cell), spec).await;
        step_ends().await;
        answer
    }

    async fn remove_namespace(&self, cell: &Cell, id: Uuid, generation: u64) -> Result<(), CellError> {
        step_ends().await;
        let answer = self.inner.remove_namespace(&self.reached(cell), id, generation).await;
        step_ends().await;
        answer
    }

    async fn apply_key_set(
        &self,
        cell: &Cell,
        generation: u64,
        keys: Vec<KeyRecord>,
    ) -> Result<u64, CellError> {
        step_ends().await;
        let answer = self.inner.apply_key_set(&self.reached(cell), generation, keys).await;
        step_ends().await;
        answer
    }

    async fn status(&self, cell: &Cell) -> Result<GetStatusResponse, CellError> {
        self.inner.status(&self.reached(cell)).await
    }
}
