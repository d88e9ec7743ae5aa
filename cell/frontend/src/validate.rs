//! What makes a request valid, with the texts of the original. One topic per file; nothing here changes anything.

pub(crate) mod execution;
pub(crate) mod length;
pub(crate) mod links;
pub(crate) mod oversize;
pub(crate) mod poller;
pub(crate) mod priority;
pub(crate) mod size;
pub(crate) mod start;
pub(crate) mod task_queue;
