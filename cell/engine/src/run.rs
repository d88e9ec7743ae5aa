//! A workflow run's mutable state.

mod ancestors;
mod apply;
mod buffer;
mod buffered;
mod checkpoint;
mod chunks;
mod collection;
mod collections;
mod deadlines;
mod effects;
mod entity;
mod events;
mod grace;
mod listeners;
mod pending;
mod priority;
mod request_ids;
mod sizes;
mod snapshot;
mod workflow_task;

pub use ancestors::{Ancestor, MOST_ANCESTORS};
pub(crate) use apply::LISTENER;
pub use checkpoint::Receipt;
pub use collections::PendingKind;
pub(crate) use deadlines::Due;
pub(crate) use events::{Fields, closing_status, is_nothing};
pub use listeners::Listener;
#[cfg(debug_assertions)]
pub use pending::visited_items;
pub use snapshot::RestoreError;
pub use workflow_task::{ScheduledTask, Standing, StartedTask, WorkflowTask};

use crate::time::Time;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
pub(crate) use atoll_internal_api::duration::{from_nanos as duration, nanos};
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::state::v1::{RunInfo, Sticky};
use buffered::Buffered;
use chunks::{Changed, Rows};
use collections::Collections;
use deadlines::Deadlines;
use request_ids::RequestIds;
use sizes::Size;
use uuid::Uuid;

/// One run of a workflow: everything that its history and the changes between events made of it.
#[derive(Clone, Debug)]
pub struct Run {
    key: EntityKey,
    pub(crate) info: RunInfo,
    pub(crate) task: WorkflowTask,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) pending: Collections,
    pub(crate) buffered: Buffered,
    pub(crate) request_ids: RequestIds,
    pub(crate) deadlines: Deadlines,
    /// Whether memo, search attributes or the closing event changed.
    fields_changed: Changed,
    /// Whether what is kept of the first event changed.
    started_changed: Changed,
    /// Chunks in the store.
    rows: Rows,
    /// Of all that is neither pending nor waiting.
    own_size: Size,
}

impl Run {
    /// A run before its first event.
    pub fn new(key: EntityKey) -> Self {
        Self {
            key,
            info: RunInfo { next_event_id: 1, next_attempt: 1, ..Default::default() },
            task: WorkflowTask::None,
            sticky: None,
            pending: Collections::default(),
            buffered: Buffered::default(),
            request_ids: RequestIds::default(),
            deadlines: Deadlines::default(),
            fields_changed: Changed::default(),
            started_changed: Changed::default(),
            rows: Rows::default(),
            own_size: Size::default(),
        }
    }

    /// Its name.
    pub fn key(&self) -> &EntityKey {
        &self.key
    }

    /// Its run id.
    pub fn run_id(&self) -> Uuid {
        self.key.run_id
    }

    /// Id of the next event.
    pub fn next_event_id(&self) -> i64 {
        self.info.next_event_id
    }

    /// Whether it is closed.
    pub fn closed(&self) -> bool {
        self.info.close_time_ns != 0
    }

    /// When retention deletes it; none while it is open.
    pub fn delete_at(&self) -> Option<Time> {
        (self.info.delete_at_ns != 0).then_some(Time(self.info.delete_at_ns))
    }

    /// Length of its history as one encoded `History`: `history_size_bytes`, and what storage is billed by.
    pub fn billed_bytes(&self) -> u64 {
        self.info.history_bytes
    }

    /// Running, or how it closed.
    pub fn status(&self) -> WorkflowExecutionStatus {
        WorkflowExecutionStatus::try_from(self.info.status).unwrap_or(WorkflowExecutionStatus::Unspecified)
    }

    /// Attributes of its first event.
    pub fn started(&self) -> &WorkflowExecutionStartedEventAttributes {
        static NONE: std::sync::LazyLock<WorkflowExecutionStartedEventAttributes> =
            std::sync::LazyLock::new(Default::default);
        self.info.started.as_ref().unwrap_or(&NONE)
    }

    /// Request id of the start that made it.
    pub fn start_request_id(&self) -> &str {
        &self.info.start_request_id
    }

    /// First run of its chain.
    pub fn first_execution_run_id(&self) -> Uuid {
        Uuid::parse_str(&self.started().first_execution_run_id).unwrap_or(self.key.run_id)
    }

    /// The workflow task.
    pub fn workflow_task(&self) -> &WorkflowTask {
        &self.task
    }

    /// Whether a workflow task has completed in this run.
    pub fn has_completed_task(&self) -> bool {
        self.info.previous_started_event_id != 0
    }

    /// Started event of the last completed workflow task, 0 before the first.
    pub fn previous_started_event_id(&self) -> i64 {
        self.info.previous_started_event_id
    }

    /// The last completed workflow task's event, 0 before the first.
    pub fn last_completed_event_id(&self) -> i64 {
        self.info.last_completed_event_id
    }

    /// The sticky queue of the worker that has this run cached.
    pub fn sticky_queue(&self) -> Option<&str> {
        self.sticky.as_ref().map(|sticky| sticky.task_queue.as_str())
    }

    /// The normal task queue.
    pub fn task_queue(&self) -> &str {
        self.started().task_queue.as_ref().map_or("", |queue| queue.name.as_str())
    }

    /// Workflow type.
    pub fn workflow_type(&self) -> &str {
        self.started().workflow_type.as_ref().map_or("", |kind| kind.name.as_str())
    }

    /// Whether the workflow asked for its end while it had events to see first, and a worker has the task that shows
    /// them: whatever came between now would put that end off again.
    pub(crate) fn is_closing(&self) -> bool {
        self.info.close_attempted && self.task.started().is_some()
    }

    /// When the first workflow task is scheduled, where it waits for its time.
    pub fn first_task_at(&self) -> Option<Time> {
        (self.info.first_task_at_ns != 0).then_some(Time(self.info.first_task_at_ns))
    }

    /// Whether the first workflow task is still to come: no task is scheduled before it.
    pub(crate) fn in_first_task_backoff(&self) -> bool {
        self.info.first_task_at_ns != 0 || self.info.first_task_held
    }
}

/// The shorter of two times, of which 0 is none at all.
pub(crate) fn shorter(a: i64, b: i64) -> i64 {
    if a == 0 || b == 0 { a.max(b) } else { a.min(b) }
}
