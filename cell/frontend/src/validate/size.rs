use crate::frontend::Frontend;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::Memo;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_internal_api::values::{MAX_VALUES, Values};
use prost::Message;

/// Bytes of a user metadata summary.
const SUMMARY_BYTES: usize = 400;
/// Bytes of user metadata details.
const DETAILS_BYTES: usize = 20_000;

impl Frontend {
    /// Whether a payload field is larger than what is stored, or has more values than it may: these take a hundred
    /// times in memory of what they are when they are sent.
    pub(crate) fn is_too_large<M: Message + Values>(&self, payload: Option<&M>) -> bool {
        payload
            .is_some_and(|payload| payload.encoded_len() > self.config.blob_bytes || payload.has_too_many())
    }

    /// A payload field that must not be too large.
    pub(crate) fn check_blob<M: Message + Values>(&self, payload: Option<&M>) -> Result<(), Status> {
        self.check_blob_bytes(payload.map_or(0, Message::encoded_len))?;
        check_values("Blob", payload)
    }

    /// As [`check_blob`](Self::check_blob), of a text, or of what stands in one payload in the original.
    pub(crate) fn check_blob_bytes(&self, bytes: usize) -> Result<(), Status> {
        if bytes > self.config.blob_bytes {
            return Err(Status::invalid_argument("Blob data size exceeds limit."));
        }
        Ok(())
    }

    /// A memo that must not be too large.
    pub(crate) fn check_memo(&self, memo: Option<&Memo>) -> Result<(), Status> {
        if memo.is_some_and(|memo| memo.encoded_len() > self.config.memo_bytes) {
            return Err(Status::invalid_argument("Memo size exceeds limit."));
        }
        check_values("Memo", memo)
    }
}

/// Something that must not have too many values. `what` is the name that clients know.
pub(crate) fn check_values<M: Values>(what: &str, payload: Option<&M>) -> Result<(), Status> {
    if payload.is_some_and(Values::has_too_many) {
        return Err(Status::invalid_argument(too_many_values(what)));
    }
    Ok(())
}

/// What is said of it.
pub(crate) fn too_many_values(what: &str) -> String {
    format!("{what} has more than {MAX_VALUES} values.")
}

/// What people wrote about a workflow.
pub(crate) fn check_user_metadata(metadata: Option<&UserMetadata>) -> Result<(), Status> {
    let Some(metadata) = metadata else { return Ok(()) };
    let fields =
        [("Summary", &metadata.summary, SUMMARY_BYTES), ("Details", &metadata.details, DETAILS_BYTES)];
    for (name, payload, limit) in fields {
        if payload.as_ref().is_some_and(|payload| payload.encoded_len() > limit) {
            return Err(Status::invalid_argument(format!(
                "UserMetadata {name} exceeds allowed size of {limit}."
            )));
        }
    }
    check_values("UserMetadata", Some(metadata))
}
