use prost_reflect::{DynamicMessage, ReflectMessage};

use super::*;
use crate::temporal::api::history::v1::{TimerStartedEventAttributes, history_event::Attributes};
use crate::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryResponse;

fn event(id: i64) -> HistoryEvent {
    let attributes = TimerStartedEventAttributes { timer_id: format!("timer-{id}"), ..Default::default() };
    let attributes = Some(Attributes::TimerStartedEventAttributes(attributes));
    HistoryEvent { event_id: id, attributes, ..Default::default() }
}

fn ids(history: &RawHistory) -> Vec<i64> {
    history.events().map(|event| event.unwrap().event_id).collect()
}

#[test]
fn chunks_of_all_kinds_read_as_one_history() {
    let mut history = RawHistory::from_events([&event(1), &event(2)]);
    history.push_event(event(3).encode_to_vec().into());
    history.push_encoded(RawHistory::encode_events([&event(4), &event(5)]));
    history.append(RawHistory::from_events([&event(6)]));
    assert_eq!(ids(&history), [1, 2, 3, 4, 5, 6]);
    let all: Vec<_> = (1..=6).map(event).collect();
    assert_eq!(history, RawHistory::from_events(&all));
    assert_eq!(history.encoded_len(), history.encode_to_vec().len());
}

#[test]
fn a_response_that_holds_one_is_readable_by_any_other_decoder() {
    let history = Some(RawHistory::from_events([&event(1), &event(2)]));
    let response = GetWorkflowExecutionHistoryResponse { history, archived: true, ..Default::default() };
    let encoded = response.encode_to_vec();

    let pool = crate::descriptor_pool();
    let descriptor =
        pool.get_message_by_name("temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryResponse");
    let dynamic = DynamicMessage::decode(descriptor.unwrap(), encoded.as_slice()).unwrap();
    let value = dynamic.get_field_by_name("history").unwrap();
    let events = value.as_message().unwrap().get_field_by_name("events").unwrap().into_owned();
    let second = events.as_list().unwrap()[1].as_message().unwrap();
    assert_eq!(second.descriptor().name(), "HistoryEvent");
    assert_eq!(second.get_field_by_name("event_id").unwrap().as_i64(), Some(2));

    let back = GetWorkflowExecutionHistoryResponse::decode(encoded.as_slice()).unwrap();
    assert_eq!(back, response);
    assert!(back.archived);
    assert_eq!(ids(&back.history.unwrap()), [1, 2]);
}

#[test]
fn decoding_shares_the_buffer() {
    let encoded = Bytes::from(RawHistory::from_events([&event(1)]).encode_to_vec());
    let history = RawHistory::decode(encoded.clone()).unwrap();
    let first = history.encoded_events().next().unwrap().unwrap();
    assert!(encoded.as_ptr_range().contains(&first.as_ptr()));
}

#[test]
fn a_malformed_chunk_ends_the_events_with_one_error() {
    let mut history = RawHistory::from_events([&event(1)]);
    history.push_encoded(Bytes::from_static(b"\x0a\x7f"));
    history.push_event(event(2).encode_to_vec().into());
    let read: Vec<_> = history.events().collect();
    assert_eq!(read.len(), 2);
    assert!(read[0].is_ok() && read[1].is_err());
}

#[test]
fn fields_of_a_later_contract_are_passed_over() {
    let mut encoded = RawHistory::encode_events([&event(1)]).to_vec();
    encoded.extend_from_slice(b"\x10\x05");
    encoded.extend_from_slice(&RawHistory::encode_events([&event(2)]));
    assert_eq!(ids(&RawHistory::from_encoded(encoded.into())), [1, 2]);
}

#[test]
fn only_a_history_without_events_is_empty() {
    let mut history = RawHistory::default();
    assert!(history.is_empty());
    history.push_encoded(Bytes::new());
    assert!(history.is_empty());
    history.push_event(Bytes::new());
    assert!(!history.is_empty());
    history.clear();
    assert!(history.is_empty());
}
