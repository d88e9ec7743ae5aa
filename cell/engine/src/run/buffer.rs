//! Events that wait for a started workflow task to end, and what they have changed already.

use super::Run;
use super::apply::Touched;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use bytes::Bytes;
use prost::Message;

impl Run {
    /// Keeps an event that waits; what it starts or ends does not start or end twice meanwhile.
    pub(super) fn buffer(&mut self, encoded: &Bytes, touched: &mut Touched) {
        self.buffered.push(encoded.clone());
        let event = HistoryEvent::decode(encoded.clone()).expect("a buffered event was encoded by us");
        let Some(attributes) = &event.attributes else { return };
        if is_cancel_request(attributes) {
            self.info.cancel_requested = true;
        } else {
            let mut beside = self.deadlines.beside(touched);
            self.pending.all_mut().any(|collection| collection.wait(attributes, &mut beside));
        }
    }
}

fn is_cancel_request(event: &Attributes) -> bool {
    matches!(event, Attributes::WorkflowExecutionCancelRequestedEventAttributes(_))
}

/// Whether a buffered event is a cancel request.
pub(super) fn waits_to_cancel(encoded: &Bytes) -> bool {
    let event = HistoryEvent::decode(encoded.clone()).expect("a buffered event was encoded by us");
    event.attributes.as_ref().is_some_and(is_cancel_request)
}
