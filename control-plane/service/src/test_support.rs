//! A control plane in a test: real database and API, cells and workflows played by fakes.

mod engine;
pub(crate) mod fake_cells;
mod fake_starter;
pub(crate) mod real_cell;
pub(crate) mod schedules;
pub(crate) mod stepped_store;

use std::sync::Arc;

use atoll_api::call::{CallContext, Method, RawService, Status};
use atoll_api::temporal::api::cloud::cloudservice::v1 as cloud;
use atoll_api::temporal::api::cloud::cloudservice::v1::cloud_service;
use atoll_api::temporal::api::cloud::namespace::v1::{ApiKeyAuthSpec, NamespaceSpec};
use atoll_api::temporal::api::cloud::operation::v1::AsyncOperation;
use atoll_internal_api::operator::v1::{CreateAccountRequest, operator_service};
use atoll_rpc::{Dispatcher, ManualClock};
use http::HeaderValue;
use prost::Message;
use uuid::Uuid;

use crate::activities::{Activities, StepError};
use crate::cells::CellClient;
use crate::config::{AccountLimits, CellConfig, Config, ReconcileConfig, RegionConfig};
use crate::entropy::SystemEntropy;
use crate::model::{Namespace, NamespaceState, OperationKind};
use crate::operations::Outbox;
use crate::reconcile::Reconciler;
use crate::routing::RouteTable;
use crate::start::{ControlPlane, Dependencies};
use crate::usage::UsageSource;
pub(crate) use engine::{Engine, Place, on_each_engine};
pub(crate) use fake_cells::FakeCells;
pub(crate) use fake_starter::FakeStarter;

pub(crate) const OPERATOR_KEY: &str = "operator.key";
pub(crate) const INTERNAL_TOKEN: &str = "internal";

pub(crate) struct TestCloud {
    pub(crate) place: Place,
    pub(crate) clock: ManualClock,
    pub(crate) cells: Arc<FakeCells>,
    pub(crate) starter: Arc<FakeStarter>,
    pub(crate) activities: Activities,
    pub(crate) outbox: Outbox,
    pub(crate) reconciler: Reconciler,
    pub(crate) cloud: Dispatcher,
    pub(crate) internal: Dispatcher,
}

pub(crate) struct TestAccount {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) owner_id: String,
}

/// What an account of a test may have.
pub(crate) const LIMITS: AccountLimits = AccountLimits { namespaces: 20, api_keys: 150 };

/// Namespaces that each cell of a test may hold.
pub(crate) const CAPACITY: u32 = 3;

impl TestCloud {
    /// A cloud with these cells, seen healthy, on SQLite.
    pub(crate) async fn new(cells: &[&str]) -> Self {
        Self::on(Engine::Sqlite, cells).await
    }

    /// As [`new`](Self::new), on an engine.
    pub(crate) async fn on(engine: Engine, cells: &[&str]) -> Self {
        Self::at(engine.place(), cells).await
    }

    /// As [`new`](Self::new), in a database of the caller's.
    pub(crate) async fn at(place: Place, cells: &[&str]) -> Self {
        Self::made(place, cells, None, Vec::new()).await
    }

    pub(crate) async fn with_usage(cells: &[&str], usage: Option<Arc<dyn UsageSource>>) -> Self {
        Self::made(Engine::Sqlite.place(), cells, usage, Vec::new()).await
    }

    /// A cloud that serves others' services too.
    pub(crate) async fn with_services(cells: &[&str], services: Vec<Arc<dyn RawService>>) -> Self {
        Self::made(Engine::Sqlite.place(), cells, None, services).await
    }

    async fn made(
        place: Place,
        cells: &[&str],
        usage: Option<Arc<dyn UsageSource>>,
        services: Vec<Arc<dyn RawService>>,
    ) -> Self {
        let clock = ManualClock::new("2026-03-15T10:00:00Z".parse().unwrap());
        let fakes = Arc::new(FakeCells::new(cells));
        let reached = fakes.clone();
        let test = Self::open(place, clock, fakes, reached, cells, usage, services, Arc::default()).await;
        test.reconciler.run_once().await.unwrap();
        test
    }

    /// A cloud of one cell that is reached by `client` and is no fake.
    pub(crate) async fn of(
        engine: Engine,
        cell: &str,
        client: Arc<dyn CellClient>,
        clock: ManualClock,
    ) -> Self {
        let nobody = Arc::new(FakeCells::new(&[]));
        let test =
            Self::open(engine.place(), clock, nobody, client, &[cell], None, Vec::new(), Arc::default())
                .await;
        test.reconciler.run_once().await.unwrap();
        test
    }

    /// The same cloud after a restart of its control plane: same database, same cells, new process.
    pub(crate) async fn restarted(self) -> Self {
        let names = self.cells.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.activities.store.close().await;
        let reached = self.cells.clone();
        Self::open(self.place, self.clock, self.cells, reached, &names, None, Vec::new(), Arc::default())
            .await
    }

    /// Another control plane on the same PostgreSQL database, with the same cells and workflows.
    pub(crate) async fn beside(&self) -> Self {
        let names = self.cells.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (place, cells) = (self.place.again(), self.cells.clone());
        let (clock, starter) = (self.clock.clone(), self.starter.clone());
        Self::open(place, clock, cells.clone(), cells, &names, None, Vec::new(), starter).await
    }

    /// The steps as another control plane runs them, where several can use the database.
    pub(crate) async fn others_activities(&self, engine: Engine) -> Activities {
        match engine {
            Engine::Sqlite => self.activities.clone(),
            Engine::Postgres => {
                let store = self.place.open().await;
                Activities { routes: RouteTable::new(store.clone()), store, ..self.activities.clone() }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all that a test may choose")]
    async fn open(
        place: Place,
        clock: ManualClock,
        cells: Arc<FakeCells>,
        reached: Arc<dyn CellClient>,
        names: &[&str],
        usage: Option<Arc<dyn UsageSource>>,
        services: Vec<Arc<dyn RawService>>,
        starter: Arc<FakeStarter>,
    ) -> Self {
        let config = config(&place, names);
        let dependencies = Dependencies {
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SystemEntropy),
            starter: starter.clone(),
            metrics: None,
            services,
            cloud_router: None,
        };
        let mut plane = ControlPlane::build_with(config, dependencies, reached).await.unwrap();
        plane.usage = usage;
        let activities = plane.activities();
        let wake = activities.reconcile.clone();
        let outbox = Outbox::new(activities.store.clone(), starter.clone(), plane.outbox_wake.clone());
        let reconciler = Reconciler::new(activities.clone(), ReconcileConfig::default(), wake);
        let (cloud, internal) =
            (plane.cloud_dispatcher().unwrap(), plane.internal_dispatcher(&Default::default()).unwrap());
        Self { place, clock, cells, starter, activities, outbox, reconciler, cloud, internal }
    }

    pub(crate) async fn account(&self, name: &str) -> TestAccount {
        let request = CreateAccountRequest { name: name.to_owned(), ..CreateAccountRequest::default() };
        let made = self.call(OPERATOR_KEY, operator_service::CREATE_ACCOUNT, &request).await.unwrap();
        TestAccount {
            id: made.account.unwrap().id,
            token: made.admin_key.unwrap().token,
            owner_id: made.admin_user_id,
        }
    }

    /// Calls as a client does, through authentication and authorization.
    pub(crate) async fn call<Request, Response>(
        &self,
        token: &str,
        method: Method<Request, Response>,
        request: &Request,
    ) -> Result<Response, Status>
    where
        Request: Message,
        Response: Message + Default,
    {
        let mut ctx = CallContext::new(method.info());
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        ctx.headers.insert("authorization", value);
        self.cloud.invoke(ctx, method, request).await
    }

    pub(crate) async fn create(
        &self,
        token: &str,
        name: &str,
    ) -> Result<cloud::CreateNamespaceResponse, Status> {
        let request = cloud::CreateNamespaceRequest { spec: Some(spec(name)), ..Default::default() };
        self.call(token, cloud_service::CREATE_NAMESPACE, &request).await
    }

    pub(crate) async fn get(
        &self,
        token: &str,
        namespace: &str,
    ) -> Result<atoll_api::temporal::api::cloud::namespace::v1::Namespace, Status> {
        let request = cloud::GetNamespaceRequest { namespace: namespace.to_owned() };
        let got = self.call(token, cloud_service::GET_NAMESPACE, &request).await?;
        Ok(got.namespace.unwrap())
    }

    pub(crate) async fn operation(&self, token: &str, id: &str) -> Result<AsyncOperation, Status> {
        let request = cloud::GetAsyncOperationRequest { async_operation_id: id.to_owned() };
        let got = self.call(token, cloud_service::GET_ASYNC_OPERATION, &request).await?;
        Ok(got.async_operation.unwrap())
    }

    /// Starts what is to be started and runs it as its workflow does: step by step, and compensation where one fails.
    pub(crate) async fn carry_out(&self) {
        self.outbox.run_once().await.unwrap();
        for (kind, workflow_id) in self.starter.take() {
            for step in steps(kind) {
                if let Err(error) = self.step(step, &workflow_id).await {
                    self.activities.compensate(&workflow_id, &error.to_string()).await.unwrap();
                    break;
                }
            }
        }
    }

    /// One step of a workflow.
    pub(crate) async fn step(&self, name: &str, workflow_id: &str) -> Result<(), StepError> {
        step(&self.activities, name, workflow_id).await
    }

    /// Asks for the deletion of a namespace.
    pub(crate) async fn delete(&self, account: &TestAccount, name: &str) {
        let namespace = format!("{name}.{}", account.id);
        let resource_version = self.get(&account.token, &namespace).await.unwrap().resource_version;
        let request = cloud::DeleteNamespaceRequest { namespace, resource_version, ..Default::default() };
        self.call(&account.token, cloud_service::DELETE_NAMESPACE, &request).await.unwrap();
    }

    /// Cloud ids in the routing table, with their cells.
    pub(crate) async fn routes(&self) -> Vec<(String, String)> {
        let table = self.activities.routes.read().await.unwrap();
        table.routes.into_iter().map(|route| (route.namespace, route.cell_id)).collect()
    }
}

/// One step of a workflow, by these activities.
pub(crate) async fn step(activities: &Activities, name: &str, workflow_id: &str) -> Result<(), StepError> {
    match name {
        "begin" => activities.begin(workflow_id).await,
        "place" => activities.place(workflow_id).await,
        "apply_namespace" => activities.apply_namespace(workflow_id).await,
        "push_keys" => activities.push_keys(workflow_id).await,
        "publish_route" => activities.publish_route(workflow_id).await,
        "withdraw_route" => activities.withdraw_route(workflow_id).await,
        "remove_namespace" => activities.remove_namespace(workflow_id).await,
        "fulfil" => activities.fulfil(workflow_id).await,
        other => panic!("no such step: {other}"),
    }
}

/// The order of a workflow's steps.
pub(crate) fn steps(kind: OperationKind) -> &'static [&'static str] {
    match kind {
        OperationKind::CreateNamespace => {
            &["begin", "place", "apply_namespace", "push_keys", "publish_route", "fulfil"]
        }
        OperationKind::UpdateNamespace => &["begin", "apply_namespace", "fulfil"],
        OperationKind::DeleteNamespace => &["begin", "withdraw_route", "remove_namespace", "fulfil"],
        OperationKind::CreateApiKey | OperationKind::DeleteApiKey => &["begin", "push_keys", "fulfil"],
    }
}

pub(crate) fn config(place: &Place, cells: &[&str]) -> Config {
    Config {
        database: place.url.clone(),
        internal_token: INTERNAL_TOKEN.into(),
        operator_key: Some(OPERATOR_KEY.into()),
        gateway_address: "127.0.0.1:7233".to_owned(),
        regions: vec![RegionConfig { id: "local".to_owned(), location: "here".to_owned() }],
        cells: cells
            .iter()
            .map(|id| CellConfig {
                id: (*id).to_owned(),
                region: "local".to_owned(),
                frontend: format!("{id}:7233"),
                admin: format!("{id}:7300"),
                token: "t".into(),
                capacity: CAPACITY,
            })
            .collect(),
        account: LIMITS,
        ..Config::default()
    }
}

/// Settings as a customer gives them.
#[allow(deprecated, reason = "clients still send the fields that newer ones replace")]
pub(crate) fn spec(name: &str) -> NamespaceSpec {
    NamespaceSpec {
        name: name.to_owned(),
        regions: vec!["local".to_owned()],
        retention_days: 7,
        api_key_auth: Some(ApiKeyAuthSpec { enabled: true }),
        ..NamespaceSpec::default()
    }
}

/// A namespace that stands by itself.
pub(crate) fn namespace(cloud_id: &str, number: u128) -> Namespace {
    let (name, account) = cloud_id.split_once('.').unwrap_or((cloud_id, "acct1"));
    Namespace {
        uuid: Uuid::from_u128(number),
        cloud_id: cloud_id.to_owned(),
        account_id: account.to_owned(),
        project_id: "default".to_owned(),
        region: "local".to_owned(),
        spec: spec(name),
        tags: Default::default(),
        state: NamespaceState::Active,
        resource_version: 1,
        generation: 1,
        cell_id: None,
        routed: false,
        workflow_id: "w".to_owned(),
        created_ms: 1,
        modified_ms: None,
    }
}
