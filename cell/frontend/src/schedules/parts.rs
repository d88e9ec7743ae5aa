//! How many values a schedule may keep: an empty one is two bytes when it is sent, and a hundred in memory, for as long as
//! the schedule is there, and is copied for each start. The original knows no such limit.

use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::{Memo, Payload};
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;

/// Values and what each says of itself, of a memo or an action.
const MAX_PARTS: usize = 2_000;

/// Refuses a memo of too many values.
pub(crate) fn check_memo(memo: Option<&Memo>) -> Result<(), Status> {
    check("Memo", memo.into_iter().flat_map(|memo| memo.fields.values()), 0)
}

/// Refuses a start of too many values.
pub(crate) fn check_start(start: &NewWorkflowExecutionInfo) -> Result<(), Status> {
    let input = start.input.iter().flat_map(|input| &input.payloads);
    let header = start.header.iter().flat_map(|header| header.fields.values());
    let memo = start.memo.iter().flat_map(|memo| memo.fields.values());
    let metadata = start.user_metadata.iter().flat_map(|it| it.summary.iter().chain(&it.details));
    let errors = start.retry_policy.as_ref().map_or(0, |policy| policy.non_retryable_error_types.len());
    check("Scheduled workflow", input.chain(header).chain(memo).chain(metadata), errors)
}

fn check<'a>(what: &str, payloads: impl Iterator<Item = &'a Payload>, others: usize) -> Result<(), Status> {
    let parts = payloads.map(|payload| 1 + payload.metadata.len() + payload.external_payloads.len());
    if parts.sum::<usize>() + others > MAX_PARTS {
        return Err(Status::invalid_argument(format!("{what} has more than {MAX_PARTS} values.")));
    }
    Ok(())
}
