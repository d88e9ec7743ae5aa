//! Tasks of kinds that a worker of this node cannot be given.

use super::{Process, store};
use crate::test_support::{NAMESPACE, World};
use cell_matching::{PollOutcome, Poller, TaskQueueKey, TaskRef, TaskType};

#[tokio::test(start_paused = true)]
async fn a_task_of_another_kind_starts_no_run_of_the_same_ids() {
    let process = Process::open(&store(), &World::new(), 1).await;
    process.start("w").await;
    let matching = &process.core.matching;
    let queue = TaskQueueKey::normal(NAMESPACE, "queue", TaskType::Workflow);
    let PollOutcome::Task(lease) = matching.poll(&queue, Poller::new("worker")).await else {
        panic!("the run's task waits")
    };
    let of_run = lease.discard();
    matching.offer(&queue, TaskRef { entity_kind: 200, ..of_run.clone() });
    assert!(process.poll().await.task_token.is_empty(), "a minute without a task");
    matching.offer(&queue, of_run);
    assert!(!process.poll().await.task_token.is_empty());
    process.close().await;
}
