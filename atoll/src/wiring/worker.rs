//! The worker of a piece's durable workflows, beside its servers.

use atoll_secret::Secret;
use durable_workflows::{Activities, SystemCell, WorkerConfig, WorkerError, run_worker};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::SystemCellConfig;

/// The system cell, which the cloud's pieces reach directly and with the internal token.
pub(crate) fn system_cell(config: &SystemCellConfig, internal_token: &Secret) -> SystemCell {
    SystemCell {
        address: config.address.clone(),
        namespace: config.namespace.clone(),
        api_key: Some(internal_token.clone()),
    }
}

/// A running worker.
pub(crate) struct Worker {
    task: JoinHandle<Result<(), WorkerError>>,
}

impl Worker {
    /// Starts it; it stops with `stop`.
    pub(crate) fn start(config: WorkerConfig, activities: Activities, stop: &CancellationToken) -> Self {
        Self { task: tokio::spawn(run_worker(config, activities, stop.clone())) }
    }

    /// Waits until the worker has stopped. One that ends before it is told to ends the process: its supervisor starts
    /// it again.
    pub(crate) async fn until_stopped(self, stop: &CancellationToken) -> anyhow::Result<()> {
        let outcome = self.task.await;
        let was_told = stop.is_cancelled();
        stop.cancel();
        outcome??;
        if was_told { Ok(()) } else { Err(anyhow::anyhow!("the workflow worker ended by itself")) }
    }
}
