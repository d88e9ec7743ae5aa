use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::Priority;

/// Bytes of a fairness key.
const FAIRNESS_KEY_BYTES: usize = 64;

/// Checks the priority of a workflow. A key beyond the lowest priority counts as the lowest.
pub(crate) fn check(priority: Option<&Priority>) -> Result<(), Status> {
    let Some(priority) = priority else { return Ok(()) };
    let complaint = if priority.priority_key < 0 {
        "PriorityKey can't be negative"
    } else if priority.fairness_key.len() > FAIRNESS_KEY_BYTES {
        "FairnessKey length exceeds limit"
    } else if priority.fairness_weight.is_nan() || priority.fairness_weight < 0.0 {
        "FairnessWeight can't be negative"
    } else {
        return Ok(());
    };
    Err(Status::invalid_argument(complaint))
}
