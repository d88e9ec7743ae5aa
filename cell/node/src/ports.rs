//! The frontend's ports, over the shards and matching of this node.

mod activity_tasks;
mod handover;
mod history;
mod namespace_writer;
mod query;
mod schedules;
mod task_queues;
mod workflow_tasks;
mod workflows;

#[cfg(test)]
mod tests;

pub(crate) use namespace_writer::RecordWriter;
pub(crate) use query::query_room;

use crate::core::Core;
use activity_tasks::NodeActivityTasks;
use cell_frontend::ports::{NamespaceWriter, Ports};
use cell_shard::Clock;
use cell_visibility::VisibilityStore;
use schedules::NodeSchedules;
use std::sync::Arc;
use task_queues::NodeTaskQueues;
use workflow_tasks::NodeWorkflowTasks;
use workflows::NodeWorkflows;

/// What a frontend calls this node's shards, matching and lists by. `namespace_writer` is a lone cell's; `None` in a
/// managed one, whose namespaces the control plane writes.
pub(crate) fn over(
    core: &Arc<Core>,
    clock: &Arc<dyn Clock>,
    visibility: &Arc<dyn VisibilityStore>,
    namespace_writer: Option<Arc<dyn NamespaceWriter>>,
) -> Ports {
    Ports {
        workflows: Arc::new(NodeWorkflows(Arc::clone(core))),
        workflow_tasks: Arc::new(NodeWorkflowTasks(Arc::clone(core))),
        activity_tasks: Arc::new(NodeActivityTasks(Arc::clone(core))),
        task_queues: Arc::new(NodeTaskQueues { core: Arc::clone(core), clock: Arc::clone(clock) }),
        schedules: Arc::new(NodeSchedules::new(Arc::clone(&core.shards), Arc::clone(clock))),
        visibility: Arc::clone(visibility),
        namespace_writer,
    }
}
