use crate::frontend::Frontend;
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::TaskQueueKind;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;

/// Names of partitions begin with this.
const RESERVED_PREFIX: &str = "/_sys/";

impl Frontend {
    /// Checks a task queue that tasks are put on or taken from, and makes its kind explicit.
    pub(crate) fn settle_task_queue(&self, task_queue: &mut Option<TaskQueue>) -> Result<(), Status> {
        let queue = self.settle_partition(task_queue)?;
        let normal_name = (queue.kind() == TaskQueueKind::Sticky).then_some(&queue.normal_name);
        for name in [Some(&queue.name), normal_name].into_iter().flatten() {
            if name.starts_with(RESERVED_PREFIX) {
                return Err(Status::invalid_argument(format!(
                    "task queue name cannot start with reserved prefix {RESERVED_PREFIX}"
                )));
            }
        }
        Ok(())
    }

    /// Like [`settle_task_queue`](Self::settle_task_queue), but one partition may be named.
    pub(crate) fn settle_partition<'a>(
        &self,
        task_queue: &'a mut Option<TaskQueue>,
    ) -> Result<&'a mut TaskQueue, Status> {
        let queue = task_queue
            .as_mut()
            .filter(|queue| !queue.name.is_empty())
            .ok_or_else(|| Status::invalid_argument("taskQueue is not set"))?;
        if queue.name.len() > self.config.id_length || queue.normal_name.len() > self.config.id_length {
            return Err(Status::invalid_argument("taskQueue length exceeds limit"));
        }
        if queue.kind() == TaskQueueKind::Unspecified {
            queue.set_kind(TaskQueueKind::Normal);
        }
        Ok(queue)
    }
}
