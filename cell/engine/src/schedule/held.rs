//! What values of clients take in memory: an empty one is two bytes when it is stored, and a hundred here.

use atoll_api::temporal::api::common::v1::{Payload, Payloads};
use atoll_api::temporal::api::schedule::v1::ScheduleAction;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use prost::Message;
use std::collections::BTreeMap;

/// What an entry of a map takes beside its bytes: a name, a value and its share of a node.
const ENTRY_BYTES: usize = 96;

/// Bytes of an action.
pub(super) fn action(action: &ScheduleAction) -> usize {
    let Some(Action::StartWorkflow(start)) = &action.action else { return 0 };
    let maps = [
        start.memo.as_ref().map(|memo| &memo.fields),
        start.header.as_ref().map(|header| &header.fields),
        start.search_attributes.as_ref().map(|attributes| &attributes.indexed_fields),
    ];
    let errors =
        start.retry_policy.as_ref().map_or(0, |policy| size_of_val(&*policy.non_retryable_error_types));
    action.encoded_len()
        + errors
        + start.input.as_ref().map_or(0, payloads)
        + maps.into_iter().flatten().map(fields).sum::<usize>()
}

/// Bytes of a map.
pub(super) fn fields(fields: &BTreeMap<String, Payload>) -> usize {
    fields.iter().map(|(name, value)| ENTRY_BYTES + name.len() + payload(value)).sum()
}

/// Bytes of a list.
pub(super) fn payloads(payloads: &Payloads) -> usize {
    payloads.payloads.iter().map(payload).sum()
}

fn payload(payload: &Payload) -> usize {
    size_of_val(payload)
        + payload.encoded_len()
        + payload.metadata.len() * ENTRY_BYTES
        + size_of_val(&*payload.external_payloads)
}
