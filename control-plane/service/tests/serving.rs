//! A control plane between real listeners: a cell behind its admin listener, a starter, callers over gRPC and REST.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Code, Status};
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::namespace::v1::{NamespaceSpec, ReplicaSpec};
use atoll_api::temporal::api::cloud::operation::v1::async_operation::State;
use atoll_internal_api::cell::v1::{self as cell, CellAdmin, cell_admin, routing_service};
use atoll_internal_api::operator::v1::{self as operator, CellState, operator_service};
use atoll_rpc::{
    CallOptions, Dispatcher, Metrics, RawClient, Server, ServerConfig, ServerHandle, SystemClock,
};
use control_plane::model::OperationKind;
use control_plane::{
    Activities, CellConfig, Config, ControlPlane, ControlPlaneHandle, Dependencies, NotStarted,
    OperationStarter, ReconcileConfig, RegionConfig, SystemEntropy,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// Long enough to tell hung from slow.
const PATIENCE: Duration = Duration::from_secs(30);
const OPERATOR_KEY: &str = "operator.key";
const CELL_TOKEN: &str = "cell token";

/// A cell's admin listener.
#[derive(Default)]
struct TestCell {
    state: Mutex<(u64, BTreeMap<Vec<u8>, cell::NamespaceSpec>)>,
}

impl TestCell {
    fn check(ctx: &CallContext) -> Result<(), Status> {
        match ctx.header("authorization") {
            Some(header) if header == format!("Bearer {CELL_TOKEN}") => Ok(()),
            _ => Err(Status::unauthenticated("not the cell's token")),
        }
    }
}

#[async_trait]
impl CellAdmin for TestCell {
    async fn apply_namespace(
        &self,
        ctx: &CallContext,
        request: cell::ApplyNamespaceRequest,
    ) -> Result<cell::ApplyNamespaceResponse, Status> {
        Self::check(ctx)?;
        let spec = request.spec.unwrap();
        let generation = spec.generation;
        self.state.lock().unwrap().1.insert(spec.id.to_vec(), spec);
        Ok(cell::ApplyNamespaceResponse { generation })
    }

    async fn apply_key_set(
        &self,
        ctx: &CallContext,
        request: cell::ApplyKeySetRequest,
    ) -> Result<cell::ApplyKeySetResponse, Status> {
        Self::check(ctx)?;
        self.state.lock().unwrap().0 = request.generation;
        Ok(cell::ApplyKeySetResponse { generation: request.generation })
    }

    async fn get_status(
        &self,
        ctx: &CallContext,
        _request: cell::GetStatusRequest,
    ) -> Result<cell::GetStatusResponse, Status> {
        Self::check(ctx)?;
        let state = self.state.lock().unwrap();
        let status = |(id, spec): (&Vec<u8>, &cell::NamespaceSpec)| cell::NamespaceStatus {
            id: id.clone().into(),
            name: spec.name.clone(),
            generation: spec.generation,
        };
        Ok(cell::GetStatusResponse {
            key_set_generation: state.0,
            namespaces: state.1.iter().map(status).collect(),
            healthy: true,
            ..cell::GetStatusResponse::default()
        })
    }
}

/// Runs a creation's steps at once, in the place of its workflow.
#[derive(Default)]
struct InlineStarter(OnceCell<Activities>);

#[async_trait]
impl OperationStarter for InlineStarter {
    async fn start(&self, kind: OperationKind, id: &str) -> Result<(), NotStarted> {
        assert_eq!(kind, OperationKind::CreateNamespace);
        let steps = self.0.get().expect("set before the control plane starts");
        let run = async {
            steps.begin(id).await?;
            steps.place(id).await?;
            steps.apply_namespace(id).await?;
            steps.push_keys(id).await?;
            steps.publish_route(id).await?;
            steps.fulfil(id).await
        };
        // A cell that was not seen yet has no place: the outbox tries again.
        run.await.map_err(|error| NotStarted(error.to_string()))
    }
}

struct World {
    _folder: TempDir,
    _cell: ServerHandle,
    plane: ControlPlaneHandle,
    client: RawClient,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// One whose configuration is changed before it starts.
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let dispatcher = Dispatcher::builder("cell")
            .descriptors(atoll_internal_api::descriptor_pool())
            .service(cell_admin::raw(Arc::new(TestCell::default())));
        let cell =
            Server::new(server(), dispatcher.build().unwrap()).start(CancellationToken::new()).await.unwrap();
        let mut config = Config {
            database: format!("sqlite:{}", folder.path().join("control-plane.sqlite").display()).into(),
            cloud: server(),
            internal: server(),
            internal_token: "internal".into(),
            operator_key: Some(OPERATOR_KEY.into()),
            regions: vec![RegionConfig { id: "local".to_owned(), location: String::new() }],
            cells: vec![CellConfig {
                id: "a".to_owned(),
                region: "local".to_owned(),
                frontend: "127.0.0.1:7299".to_owned(),
                admin: cell.local_addr().to_string(),
                token: CELL_TOKEN.into(),
                capacity: 10,
            }],
            reconcile: ReconcileConfig { interval_ms: 10, ..ReconcileConfig::default() },
            ..Config::default()
        };
        change(&mut config);
        let starter = Arc::new(InlineStarter::default());
        let dependencies = Dependencies {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            starter: starter.clone(),
            metrics: Some(Metrics::install().unwrap()),
            services: Vec::new(),
            cloud_router: None,
        };
        let plane = ControlPlane::build(config, dependencies).await.unwrap();
        starter.0.set(plane.activities()).map_err(|_| "set twice").unwrap();
        let plane = plane.start(CancellationToken::new()).await.unwrap();
        let client = RawClient::new(&plane.cloud_address().to_string()).unwrap();
        Self { _folder: folder, _cell: cell, plane, client }
    }

    async fn account(&self) -> String {
        let request = operator::CreateAccountRequest { name: "acme".to_owned(), ..Default::default() };
        let made =
            self.client.call(operator_service::CREATE_ACCOUNT, &request, with(OPERATOR_KEY)).await.unwrap();
        made.admin_key.unwrap().token
    }
}

fn server() -> ServerConfig {
    let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    ServerConfig { listen, drain_seconds: 0, ..ServerConfig::default() }
}

fn with(token: &str) -> CallOptions {
    CallOptions::timeout(PATIENCE).bearer(token)
}

#[tokio::test]
async fn a_namespace_is_created_over_the_wire_and_reaches_cell_and_routes() {
    let world = World::new().await;
    let token = world.account().await;
    let spec = NamespaceSpec {
        name: "orders".to_owned(),
        replicas: vec![ReplicaSpec { region: "local".to_owned() }],
        retention_days: 1,
        ..NamespaceSpec::default()
    };
    let request = cloud::CreateNamespaceRequest { spec: Some(spec), ..Default::default() };
    let created = world.client.call(cloud_service::CREATE_NAMESPACE, &request, with(&token)).await.unwrap();
    let request = cloud::GetAsyncOperationRequest { async_operation_id: created.async_operation.unwrap().id };
    let fulfilled = async {
        loop {
            let got =
                world.client.call(cloud_service::GET_ASYNC_OPERATION, &request, with(&token)).await.unwrap();
            if got.async_operation.unwrap().state() == State::Fulfilled {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, fulfilled).await.unwrap();
    let internal = RawClient::new(&world.plane.internal_address().to_string()).unwrap();
    // The newest: who does not ask for it may get the one before.
    let watch = cell::WatchRoutesRequest { now: true, ..Default::default() };
    let table = internal.call(routing_service::WATCH_ROUTES, &watch, with("internal")).await.unwrap();
    assert_eq!(
        (table.routes[0].namespace.as_str(), table.routes[0].cell_id.as_str()),
        (created.namespace.as_str(), "a")
    );
    assert_eq!(table.cells[0].frontend, "127.0.0.1:7299");
    let cells = operator::ListCellsRequest {};
    let cells =
        world.client.call(operator_service::LIST_CELLS, &cells, with(OPERATOR_KEY)).await.unwrap().cells;
    assert_eq!((cells[0].state(), cells[0].namespaces), (CellState::Healthy, 1));
    tokio::time::timeout(PATIENCE, world.plane.shutdown()).await.unwrap();
}

#[tokio::test]
async fn accounts_are_shown_to_other_pieces_of_the_cloud_and_nothing_else() {
    let world = World::new().await;
    world.account().await;
    let internal = RawClient::new(&world.plane.internal_address().to_string()).unwrap();
    let list = operator::ListAccountsRequest::default();
    let accounts =
        world.client.call(operator_service::LIST_ACCOUNTS, &list, with(OPERATOR_KEY)).await.unwrap().accounts;
    let get = operator::GetAccountRequest { account_id: accounts[0].id.clone() };
    let got = internal.call(operator_service::GET_ACCOUNT, &get, with("internal")).await.unwrap();
    assert_eq!(got.account.as_ref(), accounts.first());
    let refused = internal.call(operator_service::LIST_ACCOUNTS, &list, with("internal")).await.unwrap_err();
    assert_eq!(refused.code, Code::PermissionDenied);
}

/// The status of a plain `GET` at a port of this machine.
async fn got(port: u16, path: &str) -> u16 {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_public_cloud_port_shows_metrics_only_if_told_to_and_the_internal_one_always() {
    let everywhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let cases = [(everywhere, false, 404), (everywhere, true, 200), (server().listen, false, 200)];
    for (listen, public_metrics, expected) in cases {
        let world = World::with(|config| {
            config.cloud.listen = listen;
            config.public_metrics = public_metrics;
        })
        .await;
        let (cloud, internal) = (world.plane.cloud_address().port(), world.plane.internal_address().port());
        assert_eq!(got(cloud, "/metrics").await, expected, "{listen} {public_metrics}");
        assert_eq!((got(cloud, "/health").await, got(internal, "/metrics").await), (200, 200));
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let folder = TempDir::new().unwrap();
    let config = Config {
        database: format!("sqlite:{}", folder.path().join("control-plane.sqlite").display()).into(),
        cloud: ServerConfig { listen: taken.local_addr().unwrap(), ..server() },
        internal: server(),
        internal_token: "internal".into(),
        ..Config::default()
    };
    let dependencies = Dependencies {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        starter: Arc::new(InlineStarter::default()),
        metrics: None,
        services: Vec::new(),
        cloud_router: None,
    };
    let plane = ControlPlane::build(config, dependencies).await.unwrap();
    let error = plane.start(CancellationToken::new()).await.err().unwrap().to_string();
    assert!(error.contains(&taken.local_addr().unwrap().to_string()), "{error}");
}
