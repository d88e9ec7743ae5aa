//! What tests ask of pieces that serve, with the token that their configuration names.

use std::time::{Duration, Instant};

use atoll_api::call::{Method, Status};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::{GetStatusRequest, GetStatusResponse, cell_admin};
use atoll_rpc::{CallOptions, RawClient};
use prost::Message;

/// Tells hung from works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is awaited.
const PAUSE: Duration = Duration::from_millis(50);

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    /// What is shown.
    pub(crate) token: &'static str,
    /// After which a call is given up.
    pub(crate) limit: Duration,
}

impl Asker {
    /// One that waits for as long as a piece that works may take.
    pub(crate) const fn with(token: &'static str) -> Self {
        Self { token, limit: PATIENCE }
    }

    pub(crate) async fn call<Q: Message, A: Message + Default>(
        self,
        address: &str,
        method: Method<Q, A>,
        request: Q,
    ) -> Result<A, Status> {
        let client = RawClient::new(address).unwrap();
        client.call(method, &request, CallOptions::timeout(self.limit).bearer(self.token)).await
    }

    /// Starts a workflow on which nobody works, with so many bytes of input.
    pub(crate) async fn begin(self, cell: &str, workflow_id: &str, input_bytes: usize) -> Result<(), Status> {
        let payload = Payload { data: vec![7; input_bytes].into(), ..Payload::default() };
        let request = wf::StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: workflow_id.to_owned(),
            workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
            task_queue: Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() }),
            input: (input_bytes > 0).then(|| Payloads { payloads: vec![payload] }),
            request_id: "1".to_owned(),
            ..Default::default()
        };
        self.call(cell, rpc::START_WORKFLOW_EXECUTION, request).await.map(drop)
    }

    /// Whether a workflow is there.
    pub(crate) async fn describe(self, cell: &str, workflow_id: &str) -> Result<(), Status> {
        let execution = WorkflowExecution { workflow_id: workflow_id.to_owned(), ..Default::default() };
        let request = wf::DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: Some(execution),
        };
        self.call(cell, rpc::DESCRIBE_WORKFLOW_EXECUTION, request).await.map(drop)
    }

    /// What a cell says of itself at its admin listener.
    pub(crate) async fn status(self, admin: &str) -> GetStatusResponse {
        self.call(admin, cell_admin::GET_STATUS, GetStatusRequest::default()).await.unwrap()
    }
}

/// Asks again and again until there is an answer; fails with what was awaited and the last reason against it.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(reason) => assert!(Instant::now() < give_up, "never came: {what}; last: {reason}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
