//! Schedules as clients and lists know them. The original keeps a schedule as a hidden workflow, and what shows of that
//! (ids, type, queue, memo) is what clients filter and read: the names here are its names.

use super::{Listed, ListedAttribute};
use crate::values::{Tally, Values};
use atoll_api::temporal::api::common::v1::Payload;
use atoll_api::temporal::api::enums::v1::IndexedValueType::{self, Bool, Datetime, Keyword};
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{ScheduleAction, ScheduleListInfo, SchedulePatch};
use prost::Message;
use prost::bytes::Bytes;

/// The namespace division of schedules.
pub const DIVISION: &str = "TemporalScheduler";
/// What stands before a schedule's id in the workflow id that lists show.
pub const WORKFLOW_ID_PREFIX: &str = "temporal-sys-scheduler:";
/// The workflow type that lists show.
pub const WORKFLOW_TYPE: &str = "temporal-sys-scheduler-workflow";
/// The task queue that lists show.
pub const TASK_QUEUE: &str = "temporal-sys-per-ns-tq";
/// The search attribute that says whether a schedule is paused.
pub const PAUSED: &str = "TemporalSchedulePaused";
/// The field of a listed schedule's memo that holds its [`ScheduleListInfo`]. Clients never see it.
pub const LIST_INFO: &str = "ScheduleInfo";
/// The search attribute of a workflow that a schedule started: the schedule's id.
pub const STARTED_BY: &str = "TemporalScheduledById";
/// The search attribute of a workflow that a schedule started: the time that the spec names.
pub const STARTED_FOR: &str = "TemporalScheduledStartTime";

/// What lists have of schedules. Clients carry over what a schedule set when a workflow continues as new, so
/// [`STARTED_BY`] and [`STARTED_FOR`] must stay writable. [`PAUSED`], which is of schedules themselves, is writable
/// without that reason.
pub const AS_LISTED: Listed = Listed {
    division: DIVISION,
    workflow_id_prefix: WORKFLOW_ID_PREFIX,
    id_attribute: "ScheduleId",
    attributes: &[writable(STARTED_BY, Keyword), writable(STARTED_FOR, Datetime), writable(PAUSED, Bool)],
};

const fn writable(name: &'static str, value_type: IndexedValueType) -> ListedAttribute {
    ListedAttribute { name, value_type, client_writable: true }
}

impl Values for ScheduleAction {
    fn add_to(&self, tally: &mut Tally) {
        if let Some(Action::StartWorkflow(start)) = &self.action {
            start.add_to(tally);
        }
    }
}

impl Values for SchedulePatch {
    /// None: at most so many of its parts, each small, are taken.
    fn add_to(&self, _: &mut Tally) {}
}

const ENCODING: &str = "encoding";
const BINARY: &str = "binary/plain";

/// The payload of [`LIST_INFO`]: the encoded message as plain bytes.
pub fn list_info_payload(info: &ScheduleListInfo) -> Payload {
    Payload {
        metadata: [(ENCODING.to_owned(), Bytes::from_static(BINARY.as_bytes()))].into(),
        data: info.encode_to_vec().into(),
        ..Payload::default()
    }
}

/// Reads a payload of [`LIST_INFO`]; none where it is damaged.
pub fn list_info(payload: &Payload) -> Option<ScheduleListInfo> {
    let plain = payload.metadata.get(ENCODING).is_some_and(|encoding| encoding == BINARY.as_bytes());
    plain.then(|| ScheduleListInfo::decode(payload.data.clone()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_info_goes_through_a_memo() {
        let info = ScheduleListInfo { paused: true, notes: "why".to_owned(), ..ScheduleListInfo::default() };
        let payload = list_info_payload(&info);
        assert_eq!(list_info(&payload), Some(info));
        let damaged = Payload { data: Bytes::from_static(b"\xff"), ..payload.clone() };
        assert_eq!(list_info(&damaged), None);
        let foreign = Payload { metadata: Default::default(), ..payload };
        assert_eq!(list_info(&foreign), None);
    }
}
