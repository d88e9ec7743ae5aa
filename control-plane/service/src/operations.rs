//! From a decided operation to a running workflow: the outbox.
//!
//! An API call's transaction writes the operation as *to be started*. A loop starts the workflow and then takes the
//! operation out. A crash between the two starts the workflow again, which the workflow's id and the idempotence of its
//! activities make harmless; a system cell that is away only delays.
//!
//! Of several processes on one database one has the loop's lease, so that operations are started in their order and no
//! workflow is asked for twice without need. One that cannot start any lets go of the lease now and then: it may be the
//! only one that does not reach the system cell. Rows that each claims for itself would be shared out, but to start a
//! workflow takes a call to a cell, longer than a row should be locked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::model::OperationKind;
use crate::shared_work::{alone, leave};
use crate::store::{Lock, POLL, Store, StoreError, Task};

/// Operations that are started in one round.
const BATCH: i64 = 50;
/// First pause after a failed start; pauses double up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after a failed start.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So many workflows that were started and not marked end a round: they are started again by the next one.
const MOST_UNMARKED: usize = 3;
/// After so many rounds in vain, one behind the other, another process may try.
const ROUNDS_IN_VAIN: u32 = 3;

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
    store: Store,
    starter: Arc<dyn OperationStarter>,
    wake: Arc<Notify>,
}

/// What one round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OutboxRound {
    /// Workflows that were started, and are known to be.
    pub started: usize,
    /// Why one was not started, with which the rest of the round waits, or why one was not marked as started.
    pub problem: Option<String>,
}

impl Outbox {
    /// An outbox that is looked at when `wake` is notified.
    pub(crate) fn new(store: Store, starter: Arc<dyn OperationStarter>, wake: Arc<Notify>) -> Self {
        Self { store, starter, wake }
    }

    /// Does a round where there is something to start, and where no other process is at it.
    pub(crate) async fn round(&self) -> Result<OutboxRound, StoreError> {
        let waiting = self.store.snapshot().await?.operations_to_start(1).await?;
        if waiting.is_empty() {
            return Ok(OutboxRound::default());
        }
        let round = alone(&self.store, Task::Outbox, self.run_once()).await?;
        round.unwrap_or_else(|| Ok(OutboxRound::default()))
    }

    /// Starts what is to be started, oldest first, until one cannot be. One that was started and cannot be marked is
    /// passed over, so that nobody waits for whoever has it; the next round starts it again, which does no harm.
    pub(crate) async fn run_once(&self) -> Result<OutboxRound, StoreError> {
        let mut round = OutboxRound::default();
        // None that a failover takes back: nobody would know of its workflow.
        let read =
            self.store.confirmed(|snapshot| async move { snapshot.operations_to_start(BATCH).await }.boxed());
        let operations = read.await?;
        let mut unmarked = 0;
        for operation in operations {
            if let Err(problem) = self.starter.start(operation.kind, &operation.workflow_id).await {
                round.problem = Some(problem.to_string());
                break;
            }
            match self.set_started(&operation.workflow_id).await {
                Ok(()) => round.started += 1,
                Err(error) => {
                    round.problem = Some(error.to_string());
                    unmarked += 1;
                    if unmarked == MOST_UNMARKED {
                        break;
                    }
                }
            }
        }
        Ok(round)
    }

    /// Takes an operation out of the outbox: one statement, to the same end however often it runs. It waits for none of
    /// its account's calls, however many there are.
    async fn set_started(&self, workflow_id: &str) -> Result<(), StoreError> {
        let marked = self.store.write(Lock::Nothing, |transaction| {
            async move { transaction.set_started(workflow_id).await }.boxed()
        });
        marked.await
    }

    /// Starts workflows until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (mut pause, mut in_vain) = (FIRST_PAUSE, 0);
        loop {
            let problem = match self.round().await {
                Ok(round) => round.problem,
                Err(error) => Some(error.to_string()),
            };
            let next = async {
                match problem {
                    None => {
                        in_vain = 0;
                        pause = FIRST_PAUSE;
                        // Other processes decide on operations, too: being woken is a hint.
                        let _ = tokio::time::timeout(POLL, self.wake.notified()).await;
                    }
                    Some(problem) => {
                        tracing::info!(problem, "operations wait to be started");
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        in_vain += 1;
                        if in_vain % ROUNDS_IN_VAIN == 0 {
                            leave(&self.store, Task::Outbox).await;
                        }
                        // A new operation does not cut this short: its start would fail too.
                        tokio::time::sleep(pause).await;
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = next => {}
            }
        }
        leave(&self.store, Task::Outbox).await;
    }
}
