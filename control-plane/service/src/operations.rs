//! From a decided operation to a running workflow: the outbox.
//!
//! An API call's transaction writes the operation as *to be started*. A loop starts the workflow and then takes the
//! operation out. A crash between the two starts the workflow again, which the workflow's id and the idempotence of its
//! activities make harmless; a system cell that is away only delays.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::model::OperationKind;
use crate::store::{Lock, Store, StoreError};

/// Operations that are started in one round.
const BATCH: i64 = 50;
/// Time between rounds when nothing wakes the loop: only lost wake-ups need it.
const IDLE: Duration = Duration::from_secs(10);
/// First pause after a failed start; pauses double up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after a failed start.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Starts the durable workflow of an operation.
#[async_trait]
pub trait OperationStarter: Send + Sync + 'static {
    /// Starts it under this workflow id. Succeeds where it runs already, and may run it again where it has ended.
    async fn start(&self, kind: OperationKind, workflow_id: &str) -> Result<(), NotStarted>;
}

/// A workflow was not started, as far as is known; it will be tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotStarted(pub String);

/// The operations whose workflows are to be started.
#[derive(Clone)]
pub(crate) struct Outbox {
    store: Arc<dyn Store>,
    starter: Arc<dyn OperationStarter>,
    wake: Arc<Notify>,
}

/// What one round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OutboxRound {
    /// Workflows that were started.
    pub started: usize,
    /// Why the first that was not started was not. The rest of the round waits with it.
    pub problem: Option<String>,
}

impl Outbox {
    /// An outbox that is looked at when `wake` is notified.
    pub(crate) fn new(store: Arc<dyn Store>, starter: Arc<dyn OperationStarter>, wake: Arc<Notify>) -> Self {
        Self { store, starter, wake }
    }

    /// Starts what is to be started, oldest first, until one cannot be.
    pub(crate) async fn run_once(&self) -> Result<OutboxRound, StoreError> {
        let mut round = OutboxRound::default();
        let operations = {
            let mut snapshot = self.store.snapshot().await?;
            snapshot.operations_to_start(BATCH).await?
        };
        for operation in operations {
            if let Err(problem) = self.starter.start(operation.kind, &operation.workflow_id).await {
                round.problem = Some(problem.to_string());
                break;
            }
            let mut transaction = self.store.write(Lock::Account(&operation.account_id)).await?;
            transaction.set_started(&operation.workflow_id).await?;
            transaction.commit().await?;
            round.started += 1;
        }
        Ok(round)
    }

    /// Starts workflows until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let problem = match self.run_once().await {
                Ok(round) => round.problem,
                Err(error) => Some(error.to_string()),
            };
            let wait = match problem {
                None => {
                    pause = FIRST_PAUSE;
                    IDLE
                }
                Some(problem) => {
                    tracing::info!(problem, "operations wait to be started");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    pause
                }
            };
            // A new operation does not cut a pause after a failure short: its start would fail too.
            let woken = async {
                if wait == IDLE {
                    self.wake.notified().await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = woken => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
