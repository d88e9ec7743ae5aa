//! How large the payloads of a command may be.

use super::BadCommand;
use atoll_api::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;
use prost::Message;

/// Refuses a field above `limit` bytes: the workflow cannot go on without it and is terminated. `field` is named as
/// the command has it.
pub(super) fn check<M: Message>(
    limit: usize,
    cause: Cause,
    field: &str,
    value: Option<&M>,
) -> Result<(), BadCommand> {
    if value.is_none_or(|value| value.encoded_len() <= limit) {
        return Ok(());
    }
    let cause_name = super::steps::cause_name(cause);
    Err(BadCommand::Terminates(cause, format!("{cause_name}: {field} exceeds size limit.")))
}
