use std::sync::Arc;

use arc_swap::ArcSwap;
use atoll_api::call::{
    BoxFuture, Bytes, CallContext, Code, Decodes, MethodInfo, RawService, Reply, ServiceInfo, Status,
    string_field,
};
use atoll_api::temporal::api::workflowservice::v1::workflow_service;
use atoll_rpc::{CallOptions, Packed};

use crate::cells::{Cell, Cells};
use crate::freshness::Freshness;
use crate::table::RoutingTable;

/// Metadata in which clients repeat the namespace.
const NAMESPACE_HEADER: &str = "temporal-namespace";
/// Calls whose answers hand tasks over: the cell counts an answer as delivered once it has left, and would not hear
/// that it was refused here.
const HANDS_OVER: [&MethodInfo; 4] = [
    workflow_service::POLL_WORKFLOW_TASK_QUEUE.info(),
    workflow_service::POLL_ACTIVITY_TASK_QUEUE.info(),
    workflow_service::POLL_NEXUS_TASK_QUEUE.info(),
    workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED.info(),
];
/// How many cells are asked at the most where any cell will do.
const ANY_CELL_ATTEMPTS: usize = 3;

/// The routing table in use, with connections to its cells. Cheap to clone; replaced as a whole.
#[derive(Debug, Clone)]
pub struct SharedTable {
    current: Arc<ArcSwap<Routing>>,
    freshness: Freshness,
    connections_per_cell: usize,
}

#[derive(Debug, Default)]
struct Routing {
    table: RoutingTable,
    cells: Cells,
}

impl SharedTable {
    /// An empty table; `connections_per_cell` are opened as calls need them.
    pub fn new(connections_per_cell: usize) -> Self {
        Self { current: Arc::default(), freshness: Freshness::default(), connections_per_cell }
    }

    /// Where calls ask whether this table is the current one.
    pub(crate) fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// Routes by another table from now on. Calls that are under way stay where they are.
    pub fn replace(&self, table: RoutingTable) {
        let cells = Cells::new(&table.cells, self.connections_per_cell, &self.current.load().cells);
        metrics::gauge!("gateway_routes").set(table.routes.len() as f64);
        metrics::gauge!("gateway_routes_version").set(table.version as f64);
        self.current.store(Arc::new(Routing { table, cells }));
    }
}

impl Routing {
    fn cell_of(&self, namespace: &str) -> Option<Arc<Cell>> {
        self.table.cell_of(namespace).and_then(|id| self.cells.get(id)).cloned()
    }
}

/// Forwards the calls of one service.
pub struct Forwarder {
    service: &'static ServiceInfo,
    table: SharedTable,
}

impl Forwarder {
    /// Forwards calls of `service` by `table`.
    pub fn new(service: &'static ServiceInfo, table: SharedTable) -> Self {
        Self { service, table }
    }

    async fn forward(
        &self,
        ctx: &CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> Result<Reply, Status> {
        let routing = self.table.current.load_full();
        if std::ptr::eq(method, workflow_service::GET_SYSTEM_INFO.info()) {
            return any_cell(&routing.cells, ctx, method, &body).await;
        }
        let namespace = namespace(ctx, method, &body)?;
        match routing.cell_of(namespace) {
            Some(cell) => {
                drop(routing);
                send(&cell, ctx, method, body).await
            }
            None => self.forward_unrouted(namespace, ctx, method, &body).await,
        }
    }

    /// Forwards a call of a namespace that the table lacks: it may have been created a moment ago.
    async fn forward_unrouted(
        &self,
        namespace: &str,
        ctx: &CallContext,
        method: &'static MethodInfo,
        body: &Bytes,
    ) -> Result<Reply, Status> {
        let current = self.table.freshness.is_current().await;
        let routing = self.table.current.load_full();
        if let Some(cell) = routing.cell_of(namespace) {
            return send(&cell, ctx, method, body.clone()).await;
        }
        metrics::counter!("gateway_unrouted_calls_total").increment(1);
        match any_cell(&routing.cells, ctx, method, body).await {
            Err(status) if status.code == Code::NotFound && !current => Err(Status::unavailable(
                "the gateway does not know this namespace, and the control plane does not answer",
            )),
            answer => answer,
        }
    }
}

impl RawService for Forwarder {
    fn info(&self) -> &'static ServiceInfo {
        self.service
    }

    fn decodes(&self, _method: &'static MethodInfo) -> Decodes {
        Decodes::Nothing
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>> {
        Box::pin(self.forward(ctx, method, body))
    }
}

/// The namespace that the request itself names. One that is packed was unpacked that far when it came, and goes on as
/// it is.
fn namespace<'a>(ctx: &'a CallContext, method: &MethodInfo, body: &'a Bytes) -> Result<&'a str, Status> {
    let named = match ctx.extensions.get::<Packed>() {
        Some(packed) => packed.namespace.as_deref(),
        None => method.namespace_field.and_then(|field| string_field(body, field)),
    };
    let named = named.unwrap_or("");
    if named.is_empty() {
        return Err(Status::invalid_argument(match method.namespace_field {
            Some(_) => "Namespace not set on request.".to_owned(),
            None => format!("{} names no namespace and is not available through the gateway", method.name),
        }));
    }
    match ctx.header(NAMESPACE_HEADER) {
        Some(header) if header != named => {
            Err(Status::invalid_argument(format!("{NAMESPACE_HEADER} header is not the request's namespace")))
        }
        _ => Ok(named),
    }
}

/// Asks one cell after the other until one has an answer that another one would not better. A cell that came back a
/// moment ago may not have the newest keys, so that a key is unknown only if all cells that were asked say so: they
/// refused the call before it did anything. After UNAVAILABLE nobody knows, and only a call that changes nothing is
/// sent to another cell; where that one refuses the key, the answer is UNAVAILABLE still, because clients give up for
/// good on a key that is refused.
async fn any_cell(
    cells: &Cells,
    ctx: &CallContext,
    method: &'static MethodInfo,
    body: &Bytes,
) -> Result<Reply, Status> {
    let reads = std::ptr::eq(method, workflow_service::GET_SYSTEM_INFO.info());
    let (mut refusal, mut away) = (None, None);
    for cell in cells.by_preference().into_iter().take(ANY_CELL_ATTEMPTS) {
        match send(cell, ctx, method, body.clone()).await {
            Err(status) if status.code == Code::Unauthenticated => refusal = Some(status),
            Err(status) if status.code == Code::Unavailable && reads => away = Some(status),
            answer => return answer,
        }
    }
    Err(away.or(refusal).unwrap_or_else(no_cells))
}

async fn send(
    cell: &Cell,
    ctx: &CallContext,
    method: &'static MethodInfo,
    body: Bytes,
) -> Result<Reply, Status> {
    let options = CallOptions::forwarding(ctx)?;
    cell.forwarded.increment(1);
    let answer = cell.client.call_raw(method.path, options, body).await;
    if let Err(status) = &answer
        && status.code == Code::Unavailable
    {
        tracing::debug!(cell = cell.id, method = method.name, %status, "cell did not answer");
        cell.unavailable.increment(1);
        cell.pass_over();
    }
    answer.map(|reply| if hands_over(method) { reply.settled() } else { reply })
}

fn hands_over(method: &'static MethodInfo) -> bool {
    HANDS_OVER.iter().any(|other| std::ptr::eq(*other, method))
}

fn no_cells() -> Status {
    Status::unavailable("the gateway has no routing table yet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::temporal::api::workflowservice::v1::{
        DescribeNamespaceRequest, GetClusterInfoRequest, StartWorkflowExecutionRequest,
    };
    use prost::Message;

    fn named(
        method: &'static MethodInfo,
        request: &impl Message,
        header: Option<&str>,
    ) -> Result<String, Code> {
        let mut ctx = CallContext::new(method);
        if let Some(header) = header {
            ctx.headers.insert(NAMESPACE_HEADER, header.parse().unwrap());
        }
        let body = Bytes::from(request.encode_to_vec());
        namespace(&ctx, method, &body).map(str::to_owned).map_err(|status| status.code)
    }

    #[test]
    fn the_requests_own_namespace_is_the_truth() {
        let start = workflow_service::START_WORKFLOW_EXECUTION.info();
        let request = StartWorkflowExecutionRequest {
            namespace: "orders.acct1".to_owned(),
            workflow_id: "w".to_owned(),
            ..Default::default()
        };
        assert_eq!(named(start, &request, None), Ok("orders.acct1".to_owned()));
        assert_eq!(named(start, &request, Some("orders.acct1")), Ok("orders.acct1".to_owned()));
        assert_eq!(named(start, &request, Some("other.acct1")), Err(Code::InvalidArgument));
        let nameless = StartWorkflowExecutionRequest::default();
        assert_eq!(named(start, &nameless, Some("orders.acct1")), Err(Code::InvalidArgument));
        let by_id = DescribeNamespaceRequest { id: "0-0".to_owned(), ..Default::default() };
        assert_eq!(
            named(workflow_service::DESCRIBE_NAMESPACE.info(), &by_id, None),
            Err(Code::InvalidArgument)
        );
        let cluster = workflow_service::GET_CLUSTER_INFO.info();
        assert_eq!(named(cluster, &GetClusterInfoRequest::default(), None), Err(Code::InvalidArgument));
    }
}
