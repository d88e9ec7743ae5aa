//! Objects of started timers.

use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{ActionType, Actions, PositionedEntry, UsageEntry, UsageObject};
use bytes::Bytes;

use super::{INCARNATION, namespace};

/// One started timer in each of the rows `[from, to)` of shard 0.
pub(crate) fn timers(cell_id: &str, from: u64, to: u64) -> UsageObject {
    let actions = Actions { r#type: ActionType::StartTimer as i32, count: 1 };
    let entry = UsageEntry {
        namespace_id: Bytes::copy_from_slice(namespace(1).as_bytes()),
        at_ms: 5,
        kind: Some(EntryKind::Actions(actions)),
    };
    UsageObject {
        cell_id: cell_id.to_owned(),
        incarnation: Bytes::copy_from_slice(INCARNATION.as_bytes()),
        from_seq: from,
        to_seq: to,
        entries: (from..to)
            .map(|seq| PositionedEntry { seq, index: 0, entry: Some(entry.clone()) })
            .collect(),
        written_at_ms: 5,
        ..UsageObject::default()
    }
}
