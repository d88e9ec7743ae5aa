//! What values of clients take in memory: their bytes, and what they are spread over.

use atoll_api::temporal::api::common::v1::Payload;
use atoll_internal_api::values::Values;
use prost::Message;
use std::collections::BTreeMap;

/// Bytes of a message.
pub(super) fn message<M: Message + Values>(message: &M) -> usize {
    message.encoded_len() + message.tally().spread
}

/// Bytes of a map.
pub(super) fn fields(fields: &BTreeMap<String, Payload>) -> usize {
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.encoded_len()).sum();
    bytes + fields.tally().spread
}
