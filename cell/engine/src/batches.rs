//! Where in a history one transaction's events end and the next one's begin.

use atoll_api::temporal::api::enums::v1::EventType;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Task ids are opaque to clients, differ from event to event and grow; the original's start here. The last bit of ours
/// says whether the event is the first of its transaction.
const FIRST_TASK_ID: i64 = 1_048_576;

/// Numbers of the fields of `HistoryEvent` that are looked at.
const EVENT_ID: u32 = 1;
const EVENT_TYPE: u32 = 3;
const TASK_ID: u32 = 5;

/// The task id of an event.
pub(crate) fn task_id(event_id: i64, is_first: bool) -> i64 {
    FIRST_TASK_ID + 2 * event_id + i64::from(is_first)
}

/// Whether an encoded `HistoryEvent` is the first of its batch: the events of one transaction, which pages of a history
/// never split. A completed workflow task begins one wherever it stands: what a transient task wrote before it is a
/// batch of its own. Bytes that are no event begin none.
pub fn begins_batch(event: &[u8]) -> bool {
    let (mut event_id, mut kind, mut task) = (0, 0, 0);
    let mut rest = event;
    while rest.has_remaining() {
        let Ok((number, wire)) = decode_key(&mut rest) else { break };
        // Fields stand in the order of their numbers.
        if number > TASK_ID {
            break;
        }
        if wire != WireType::Varint {
            if skip_field(wire, number, &mut rest, DecodeContext::default()).is_err() {
                break;
            }
            continue;
        }
        let Ok(value) = decode_varint(&mut rest) else { break };
        match number {
            EVENT_ID => event_id = value as i64,
            EVENT_TYPE => kind = value as i32,
            TASK_ID => task = value as i64,
            _ => {}
        }
    }
    event_id > 0 && (task == task_id(event_id, true) || kind == EventType::WorkflowTaskCompleted as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::temporal::api::history::v1::HistoryEvent;
    use prost::Message;

    fn event(event_id: i64, first: i64, kind: EventType) -> Vec<u8> {
        let event_time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 });
        let event_type = kind as i32;
        let task_id = task_id(event_id, event_id == first);
        HistoryEvent { event_id, event_time, event_type, version: 7, task_id, ..Default::default() }
            .encode_to_vec()
    }

    #[test]
    fn first_events_and_completed_tasks_begin_batches() {
        use EventType::{
            TimerStarted, WorkflowExecutionStarted, WorkflowTaskCompleted, WorkflowTaskScheduled,
        };
        for (event_id, first, kind, begins) in [
            (1, 1, WorkflowExecutionStarted, true),
            (2, 1, WorkflowTaskScheduled, false),
            (4, 4, WorkflowTaskCompleted, true),
            (5, 4, TimerStarted, false),
            // What a transient task left is written with its completion.
            (18, 18, WorkflowTaskScheduled, true),
            (20, 18, WorkflowTaskCompleted, true),
        ] {
            assert_eq!(begins_batch(&event(event_id, first, kind)), begins, "event {event_id}");
        }
    }

    /// Stored histories have them: what a number says of an event stays.
    #[test]
    fn task_ids_are_these() {
        let ids = [(1, true), (2, false), (5, true)].map(|(event_id, is_first)| task_id(event_id, is_first));
        assert_eq!(ids, [1_048_579, 1_048_580, 1_048_587]);
    }

    #[test]
    fn an_event_that_waits_for_its_id_begins_none() {
        let event_type = EventType::WorkflowTaskCompleted as i32;
        assert!(!begins_batch(&HistoryEvent { event_type, ..Default::default() }.encode_to_vec()));
    }

    #[test]
    fn what_is_no_event_begins_none() {
        assert!(!begins_batch(b""));
        assert!(!begins_batch(b"\xff\xff\xff\xff"));
        let whole = event(9, 9, EventType::TimerStarted);
        assert!(!begins_batch(&whole[..1]));
    }
}
