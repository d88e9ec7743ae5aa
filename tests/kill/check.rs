//! What was acknowledged against the histories that are there in the end.

use crate::acknowledged::Acknowledged;
use crate::load::Histories;
use crate::script::{Script, child_of};
use atoll_api::RawHistory;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;

/// How often something happened that no call's answer tells of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Happened {
    /// Timers that fired.
    pub timers: usize,
    /// Children that completed.
    pub children: usize,
    /// Activities that ended with a later attempt than the first.
    pub retries: usize,
}

impl Happened {
    /// Fails where less happened than the floor says.
    pub fn is_at_least(&self, floor: &Happened) {
        for (what, count, floor) in [
            ("timers", self.timers, floor.timers),
            ("children", self.children, floor.children),
            ("retries", self.retries, floor.retries),
        ] {
            assert!(count >= floor, "the load was a load: {count} {what}");
        }
    }
}

/// Fails where something acknowledged is not in the histories, or something is in them that must not be.
pub fn all(acknowledged: &Acknowledged, histories: &Histories) -> Happened {
    assert_eq!(acknowledged.refusals, Vec::<String>::new(), "refusals that no crash explains");
    for workflow_id in &acknowledged.starts {
        assert!(histories.contains_key(workflow_id), "the acknowledged start of {workflow_id} is lost");
    }
    for (workflow_id, signal) in &acknowledged.signals {
        let taken = histories[workflow_id].iter().filter(|event| is_signal(event, signal)).count();
        assert_eq!(taken, 1, "the acknowledged signal {signal} of {workflow_id}");
    }
    for workflow_id in &acknowledged.completions {
        let last = histories[workflow_id].last().map(HistoryEvent::event_type);
        assert_eq!(last, Some(EventType::WorkflowExecutionCompleted), "completion of {workflow_id}");
    }
    for (workflow_id, event_id) in &acknowledged.closings {
        let last = histories[workflow_id].last().map(|event| event.event_id);
        assert_eq!(last, Some(*event_id), "the end of {workflow_id} that a long poll saw");
    }
    for (workflow_id, count) in &acknowledged.handed_out_once {
        assert_eq!(*count, 1, "an activity of {workflow_id} with a single attempt was handed out");
    }
    let mut happened = Happened::default();
    for (workflow_id, history) in histories {
        one(workflow_id, history, histories, &mut happened);
    }
    happened
}

/// One workflow, which has ended, did what its script says, once.
fn one(workflow_id: &str, history: &[HistoryEvent], histories: &Histories, happened: &mut Happened) {
    let contiguous = history.iter().enumerate().all(|(at, event)| event.event_id == at as i64 + 1);
    assert!(contiguous, "event ids of {workflow_id}");
    let last = history.last().map(HistoryEvent::event_type);
    assert_eq!(last, Some(EventType::WorkflowExecutionCompleted), "{workflow_id} has ended");
    let script = Script::of(workflow_id);
    let count = |kind| history.iter().filter(|event| event.event_type() == kind).count();
    let own = usize::from(!script.is_child);
    assert_eq!(count(EventType::TimerFired), own, "the timer of {workflow_id}");
    assert_eq!(count(EventType::WorkflowExecutionSignaled), own, "the signal of {workflow_id}");
    let scheduled = own + usize::from(script.has_once);
    assert_eq!(count(EventType::ActivityTaskScheduled), scheduled, "the activities of {workflow_id}");
    let child = usize::from(script.has_child);
    for kind in [
        EventType::StartChildWorkflowExecutionInitiated,
        EventType::ChildWorkflowExecutionStarted,
        EventType::ChildWorkflowExecutionCompleted,
    ] {
        assert_eq!(count(kind), child, "{kind:?} of {workflow_id}");
    }
    if script.has_child {
        assert!(histories.contains_key(&child_of(workflow_id)), "the child of {workflow_id} is lost");
    }
    happened.timers += count(EventType::TimerFired);
    happened.children += count(EventType::ChildWorkflowExecutionCompleted);
    happened.retries += history.iter().filter(|event| is_later_attempt(event)).count();
}

/// Bytes that are billed for a history.
pub fn encoded_bytes(history: &[HistoryEvent]) -> i64 {
    RawHistory::encode_events(history).len() as i64
}

fn is_later_attempt(event: &HistoryEvent) -> bool {
    matches!(&event.attributes, Some(Attributes::ActivityTaskStartedEventAttributes(started)) if started.attempt > 1)
}

fn is_signal(event: &HistoryEvent, name: &str) -> bool {
    matches!(&event.attributes, Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) if signal.signal_name == name)
}
