//! Events that wait for a started workflow task to end, and what they have changed already.

use super::Run;
use super::apply::Touched;
use super::deadlines::Due;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

impl Run {
    /// Keeps an event that waits; what it starts or ends does not start or end twice meanwhile.
    pub(super) fn buffer(&mut self, encoded: &Bytes, touched: &mut Touched) {
        self.buffered.push(encoded.clone());
        let event = HistoryEvent::decode(encoded.clone()).expect("a buffered event was encoded by us");
        match meaning(&event) {
            Some(Meaning::ActivityEnds(id)) => {
                self.with_activity(id, touched, |activity| activity.closing = true);
            }
            Some(Meaning::TimerFires(id)) => {
                let timer = self.timers.get_mut(&id).expect("a timer that fires is running");
                timer.fired = true;
                self.deadlines.remove(timer.fires_at_ns, Due::Timer(id));
            }
            Some(Meaning::ChildStarts(id, run)) => self.with_child(id, touched, |child| {
                child.first_run_id = Bytes::copy_from_slice(run.as_bytes());
                (child.attempt, child.retry_at_ns) = (0, 0);
            }),
            Some(Meaning::ChildEnds(id)) => self.with_child(id, touched, |child| {
                child.closing = true;
                (child.attempt, child.retry_at_ns) = (0, 0);
            }),
            Some(Meaning::CancelRequested) => self.info.cancel_requested = true,
            None => {}
        }
    }
}

/// What a buffered event has changed already.
enum Meaning {
    ActivityEnds(i64),
    TimerFires(i64),
    ChildStarts(i64, Uuid),
    ChildEnds(i64),
    CancelRequested,
}

fn meaning(event: &HistoryEvent) -> Option<Meaning> {
    use Attributes as A;
    Some(match event.attributes.as_ref()? {
        A::ActivityTaskCompletedEventAttributes(a) => Meaning::ActivityEnds(a.scheduled_event_id),
        A::ActivityTaskFailedEventAttributes(a) => Meaning::ActivityEnds(a.scheduled_event_id),
        A::ActivityTaskTimedOutEventAttributes(a) => Meaning::ActivityEnds(a.scheduled_event_id),
        A::ActivityTaskCanceledEventAttributes(a) => Meaning::ActivityEnds(a.scheduled_event_id),
        A::TimerFiredEventAttributes(a) => Meaning::TimerFires(a.started_event_id),
        A::ChildWorkflowExecutionStartedEventAttributes(a) => {
            let run = a.workflow_execution.as_ref().and_then(|e| Uuid::parse_str(&e.run_id).ok());
            Meaning::ChildStarts(a.initiated_event_id, run.unwrap_or_default())
        }
        A::StartChildWorkflowExecutionFailedEventAttributes(a) => Meaning::ChildEnds(a.initiated_event_id),
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => Meaning::ChildEnds(a.initiated_event_id),
        A::ChildWorkflowExecutionFailedEventAttributes(a) => Meaning::ChildEnds(a.initiated_event_id),
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => Meaning::ChildEnds(a.initiated_event_id),
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => Meaning::ChildEnds(a.initiated_event_id),
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => Meaning::ChildEnds(a.initiated_event_id),
        A::WorkflowExecutionCancelRequestedEventAttributes(_) => Meaning::CancelRequested,
        _ => return None,
    })
}

/// Whether a buffered event is a cancel request.
pub(super) fn waits_to_cancel(encoded: &Bytes) -> bool {
    let event = HistoryEvent::decode(encoded.clone()).expect("a buffered event was encoded by us");
    matches!(meaning(&event), Some(Meaning::CancelRequested))
}
