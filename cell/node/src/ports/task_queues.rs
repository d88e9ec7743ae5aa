//! Task queues and workers.

use crate::core::Core;
use crate::effects::{key_of, queue_of};
use async_trait::async_trait;
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::{TaskQueueKind, TaskQueueType};
use atoll_api::temporal::api::taskqueue::v1::{PollerInfo, TaskIdBlock, TaskQueueStats, TaskQueueStatus};
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_engine::Time;
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::TaskQueues;
use cell_matching::{QueueKind, TaskQueueKey, TaskType};
use cell_shard::Clock;
use std::sync::Arc;

/// The `TaskQueues` port.
pub(crate) struct NodeTaskQueues {
    pub(crate) core: Arc<Core>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl TaskQueues for NodeTaskQueues {
    async fn describe(
        &self,
        namespace: &Namespace,
        request: wf::DescribeTaskQueueRequest,
    ) -> Result<wf::DescribeTaskQueueResponse, Status> {
        let queue = request.task_queue.clone().unwrap_or_default();
        let key = match (queue.kind(), request.task_queue_type()) {
            (TaskQueueKind::Sticky, _) => TaskQueueKey::sticky(namespace.id, queue.name.as_str()),
            (_, TaskQueueType::Activity) => {
                TaskQueueKey::normal(namespace.id, queue.name.as_str(), TaskType::Activity)
            }
            _ => TaskQueueKey::normal(namespace.id, queue.name.as_str(), TaskType::Workflow),
        };
        let stats = self.core.matching.describe(&key, self.clock.now().millis());
        let pollers = stats.iter().flat_map(|stats| &stats.pollers).map(|poller| PollerInfo {
            last_access_time: Some(Time::from_millis(poller.last_access_ms).to_proto()),
            identity: poller.identity.to_string(),
            rate_per_second: poller.rate_per_second.unwrap_or(DEFAULT_RATE),
            ..Default::default()
        });
        // Nobody counts what nobody asked for.
        #[allow(deprecated, reason = "clients still ask for the status")]
        let counted = request.report_stats || request.include_task_queue_status;
        let backlog = if counted { self.backlog_count(&key, stats.as_ref()).await } else { 0 };
        #[allow(deprecated, reason = "clients still read the status")]
        Ok(wf::DescribeTaskQueueResponse {
            pollers: pollers.collect(),
            stats: request.report_stats.then(|| TaskQueueStats {
                approximate_backlog_count: backlog,
                approximate_backlog_age: stats.as_ref().map(|stats| prost_types::Duration {
                    seconds: stats.backlog_age_ms / 1000,
                    nanos: (stats.backlog_age_ms % 1000) as i32 * 1_000_000,
                }),
                tasks_add_rate: stats.as_ref().map_or(0.0, |stats| stats.tasks_add_rate),
                tasks_dispatch_rate: stats.as_ref().map_or(0.0, |stats| stats.tasks_dispatch_rate),
                ..Default::default()
            }),
            task_queue_status: request.include_task_queue_status.then(|| TaskQueueStatus {
                backlog_count_hint: backlog,
                rate_per_second: DEFAULT_RATE,
                task_id_block: Some(TaskIdBlock::default()),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    async fn shutdown_worker(
        &self,
        namespace: &Namespace,
        request: wf::ShutdownWorkerRequest,
    ) -> Result<wf::ShutdownWorkerResponse, Status> {
        if !request.worker_instance_key.is_empty() {
            let worker = request.worker_instance_key.as_str().into();
            self.core.matching.end_worker_polls(namespace.id, &worker);
        }
        if !request.sticky_task_queue.is_empty() {
            let key = TaskQueueKey::sticky(namespace.id, request.sticky_task_queue.as_str());
            // What waited there times out to the normal queue, as it would with a worker that vanished.
            self.core.matching.give_up(&key);
        }
        Ok(wf::ShutdownWorkerResponse::default())
    }
}

impl NodeTaskQueues {
    /// Waiting tasks in memory and behind those in the store. Approximate: a row may be of a task that was started
    /// since, a refused task may have none yet, and beyond a limit nobody counts.
    async fn backlog_count(&self, key: &TaskQueueKey, stats: Option<&cell_matching::TaskQueueStats>) -> i64 {
        let here = stats.map_or(0, |stats| stats.backlog_count as u64);
        let beyond = match stats {
            _ if key.kind == QueueKind::Sticky => None,
            // Nobody has used it of late: what waits is in the store.
            None => Some((None, 0)),
            Some(stats) => stats.beyond.clone(),
        };
        let Some((behind, refused)) = beyond else { return here as i64 };
        let behind = behind.as_ref().map(key_of);
        let rows = self.core.shards.waiting_count(&queue_of(key), behind.as_ref(), COUNTED_ROWS).await;
        (here + rows.unwrap_or(0).max(refused)) as i64
    }
}

/// Rows that one call counts at most: less than a millisecond.
const COUNTED_ROWS: usize = 10_000;

/// What a queue without a limit of its own shows.
const DEFAULT_RATE: f64 = 100_000.0;
