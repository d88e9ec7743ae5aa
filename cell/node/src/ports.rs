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

pub(crate) use activity_tasks::NodeActivityTasks;
pub(crate) use namespace_writer::RecordWriter;
pub(crate) use schedules::NodeSchedules;
pub(crate) use task_queues::NodeTaskQueues;
pub(crate) use workflow_tasks::NodeWorkflowTasks;
pub(crate) use workflows::NodeWorkflows;
