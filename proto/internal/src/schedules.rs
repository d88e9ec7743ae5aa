//! Schedules as lists know them. The original keeps a schedule as a hidden workflow, and what shows of that (ids, type,
//! queue, memo) is what clients filter and read: the names here are its names.

use atoll_api::temporal::api::common::v1::Payload;
use atoll_api::temporal::api::schedule::v1::ScheduleListInfo;
use prost::Message;
use prost::bytes::Bytes;

/// The namespace division of schedules.
pub const DIVISION: &str = "TemporalScheduler";
/// What stands before a schedule's id in the workflow id that lists show, so that a schedule and a workflow of one name
/// do not meet.
pub const WORKFLOW_ID_PREFIX: &str = "temporal-sys-scheduler:";
/// The workflow type that lists show.
pub const WORKFLOW_TYPE: &str = "temporal-sys-scheduler-workflow";
/// The task queue that lists show.
pub const TASK_QUEUE: &str = "temporal-sys-per-ns-tq";
/// The search attribute that says whether a schedule is paused.
pub const PAUSED: &str = "TemporalSchedulePaused";
/// The field of a listed schedule's memo that holds its [`ScheduleListInfo`]. Clients never see it.
pub const LIST_INFO: &str = "ScheduleInfo";

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
