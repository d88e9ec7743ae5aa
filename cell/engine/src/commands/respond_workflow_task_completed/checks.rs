//! What several commands are checked for, in the original's words.

use atoll_api::temporal::api::common::v1::Priority;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::duration::{self, nanos};
use prost_types::Duration;
use std::fmt::Arguments;

/// Names of task queue partitions begin with this.
const RESERVED_PREFIX: &str = "/_sys/";
/// Bytes of a fairness key.
const FAIRNESS_KEY_BYTES: usize = 64;

/// Refuses a name above `limit` bytes. `context` is what the message says of the command besides.
pub(super) fn length(
    limit: usize,
    field: &str,
    command: &str,
    value: &str,
    context: Arguments<'_>,
) -> Result<(), String> {
    if value.len() <= limit {
        return Ok(());
    }
    let length = value.len();
    Err(format!("{field} on {command} exceeds length limit. {context} Length={length} Limit={limit}"))
}

/// A timeout in nanoseconds, 0 where there is none.
pub(super) fn timeout(value: Option<&Duration>) -> Result<i64, &'static str> {
    Ok(nanos(duration::checked(value)?.as_ref()))
}

/// What is wrong with a task queue that tasks are to be put on.
pub(super) fn task_queue(limit: usize, queue: Option<&TaskQueue>) -> Result<(), String> {
    let name = match queue {
        None => return Err("taskQueue is not set".into()),
        Some(queue) => queue.name.as_str(),
    };
    if name.is_empty() {
        Err("missing task queue name".into())
    } else if name.len() > limit {
        Err("taskQueue length exceeds limit".into())
    } else if name.starts_with(RESERVED_PREFIX) {
        Err(format!("task queue name cannot start with reserved prefix {RESERVED_PREFIX}"))
    } else {
        Ok(())
    }
}

/// What is wrong with a priority.
pub(super) fn priority(priority: Option<&Priority>) -> Result<(), &'static str> {
    let Some(priority) = priority else { return Ok(()) };
    if priority.priority_key < 0 {
        Err("PriorityKey can't be negative")
    } else if priority.fairness_key.len() > FAIRNESS_KEY_BYTES {
        Err("FairnessKey length exceeds limit")
    } else if priority.fairness_weight.is_nan() || priority.fairness_weight < 0.0 {
        Err("FairnessWeight can't be negative")
    } else {
        Ok(())
    }
}
