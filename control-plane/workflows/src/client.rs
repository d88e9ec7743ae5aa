use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use temporalio_client::errors::{WorkflowGetResultError, WorkflowStartError};
use temporalio_client::{Client, UntypedWorkflow, WorkflowGetResultOptions, WorkflowStartOptions};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};
use tokio::sync::Mutex;

use crate::connection::SystemCell;
use crate::failure::{ActivityFailure, from_incoming};
use crate::input::{MonthInput, MonthOutput, OperationInput, OperationKind};
use crate::workflows::{ApplyApiKey, CloseBillingMonth, CreateNamespace, DeleteNamespace, UpdateNamespace};

/// Starts workflows on the system cell and waits for them. Connects at the first use; cheap to clone.
#[derive(Clone)]
pub struct WorkflowClient {
    cell: SystemCell,
    task_queue: String,
    identity: String,
    client: Arc<Mutex<Option<Client>>>,
}

/// A workflow was not started, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The system cell is away or overloaded: start again later, under the same id.
    #[error("system cell is not available: {0}")]
    Unavailable(String),
    /// The system cell refuses the call.
    #[error("system cell refused: {0}")]
    Refused(String),
}

/// How a workflow ended, if not well.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WorkflowOutcomeError {
    /// It was not started, or waiting for it broke off; it may run on.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An activity failed for good; this is its own failure.
    #[error("{0}")]
    Failed(ActivityFailure),
    /// It was cancelled, terminated or timed out.
    #[error("workflow ended without a result: {0}")]
    Ended(String),
}

impl WorkflowClient {
    /// A client of workflows on `task_queue`. `identity` is shown beside what it starts.
    pub fn new(cell: SystemCell, task_queue: impl Into<String>, identity: impl Into<String>) -> Self {
        Self { cell, task_queue: task_queue.into(), identity: identity.into(), client: Arc::default() }
    }

    /// Starts the workflow of an async operation. One that runs already under this id is left alone; one that has ended
    /// may run again, which its activities make harmless.
    pub fn start_operation(
        &self,
        kind: OperationKind,
        input: OperationInput,
    ) -> BoxFuture<'_, Result<(), StartError>> {
        let id = input.workflow_id.clone();
        match kind {
            OperationKind::CreateNamespace => self.start(CreateNamespace::run, input, id).boxed(),
            OperationKind::UpdateNamespace => self.start(UpdateNamespace::run, input, id).boxed(),
            OperationKind::DeleteNamespace => self.start(DeleteNamespace::run, input, id).boxed(),
            OperationKind::ApplyApiKey => self.start(ApplyApiKey::run, input, id).boxed(),
        }
    }

    /// Closes a billing month: starts its workflow, or joins the one that runs already, and waits for its result. A
    /// caller that goes away does not stop it. Closing a closed month gives its invoice again.
    pub fn close_month(&self, input: MonthInput) -> BoxFuture<'_, Result<MonthOutput, WorkflowOutcomeError>> {
        let id = input.workflow_id();
        async move {
            self.start(CloseBillingMonth::run, input, id.clone()).await?;
            self.result::<CloseBillingMonth>(&id).await
        }
        .boxed()
    }

    /// Waits until the workflow has ended, whatever its type, and forgets its result.
    pub fn wait<'a>(&'a self, workflow_id: &'a str) -> BoxFuture<'a, Result<(), WorkflowOutcomeError>> {
        async move { self.result::<UntypedWorkflow>(workflow_id).await.map(drop) }.boxed()
    }

    async fn start<W>(&self, workflow: W, input: W::Input, id: String) -> Result<(), StartError>
    where
        W: WorkflowDefinition + HasWorkflowDefinition,
        W::Input: Send,
    {
        let client = self.client().await?;
        let options = WorkflowStartOptions::new(self.task_queue.clone(), id).build();
        match client.start_workflow(workflow, input, options).await {
            Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
            Err(WorkflowStartError::Rpc(status)) => Err(self.classify(&status).await),
            Err(error) => Err(StartError::Refused(error.to_string())),
        }
    }

    async fn result<W>(&self, id: &str) -> Result<W::Output, WorkflowOutcomeError>
    where
        W: HasWorkflowDefinition,
    {
        let handle = self.client().await?.get_workflow_handle::<W>(id);
        handle.get_result(WorkflowGetResultOptions::default()).await.map_err(|error| match error {
            WorkflowGetResultError::Failed(reason) => WorkflowOutcomeError::Failed(from_incoming(&reason)),
            WorkflowGetResultError::Rpc(status) => StartError::Unavailable(said(&status)).into(),
            other => WorkflowOutcomeError::Ended(other.to_string()),
        })
    }

    /// The connection, made at the first use. Afterwards the SDK keeps it alive across restarts of the cell.
    async fn client(&self) -> Result<Client, StartError> {
        let mut client = self.client.lock().await;
        if client.is_none() {
            let connected = self.cell.connect(&self.identity).await;
            *client = Some(connected.map_err(|error| StartError::Unavailable(error.0))?);
        }
        Ok(client.as_ref().expect("just set").clone())
    }

    async fn classify(&self, status: &temporalio_client::tonic::Status) -> StartError {
        use temporalio_client::tonic::Code;
        match status.code() {
            Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => {
                StartError::Refused(said(status))
            }
            _ => StartError::Unavailable(said(status)),
        }
    }
}

/// What the cell said, for callers: without the transport's insides.
fn said(status: &temporalio_client::tonic::Status) -> String {
    format!("system cell: {}", status.message())
}
