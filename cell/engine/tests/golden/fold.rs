//! Histories of the original, folded event by event: the state that they make is the one that they tell of.

use crate::load;
use atoll_api::RawHistory;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::state::v1::RunSnapshot;
use cell_engine::{EffectKey, NewEvent, Run, Transition};
use prost::Message;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What is open after an event, read off the history with no help of the engine.
#[derive(Default, PartialEq, Debug)]
struct Open {
    task: Option<(i64, i64)>,
    activities: BTreeSet<i64>,
    timers: BTreeSet<i64>,
    children: BTreeSet<i64>,
    signals: i64,
    cancel_requested: bool,
    status: i32,
}

impl Open {
    fn take(&mut self, event: &HistoryEvent) {
        let id = event.event_id;
        match event.attributes.as_ref().expect("every event has attributes") {
            A::WorkflowExecutionStartedEventAttributes(_) => self.status = Status::Running as i32,
            A::WorkflowTaskScheduledEventAttributes(_) => self.task = Some((id, 0)),
            A::WorkflowTaskStartedEventAttributes(a) => self.task = Some((a.scheduled_event_id, id)),
            A::WorkflowTaskCompletedEventAttributes(_)
            | A::WorkflowTaskFailedEventAttributes(_)
            | A::WorkflowTaskTimedOutEventAttributes(_) => self.task = None,
            A::ActivityTaskScheduledEventAttributes(_) => drop(self.activities.insert(id)),
            A::ActivityTaskCompletedEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::ActivityTaskFailedEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::ActivityTaskTimedOutEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::ActivityTaskCanceledEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::TimerStartedEventAttributes(_) => drop(self.timers.insert(id)),
            A::TimerFiredEventAttributes(a) => drop(self.timers.remove(&a.started_event_id)),
            A::TimerCanceledEventAttributes(a) => drop(self.timers.remove(&a.started_event_id)),
            A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => drop(self.children.insert(id)),
            A::StartChildWorkflowExecutionFailedEventAttributes(a) => self.child_ends(a.initiated_event_id),
            A::ChildWorkflowExecutionCompletedEventAttributes(a) => self.child_ends(a.initiated_event_id),
            A::ChildWorkflowExecutionFailedEventAttributes(a) => self.child_ends(a.initiated_event_id),
            A::ChildWorkflowExecutionCanceledEventAttributes(a) => self.child_ends(a.initiated_event_id),
            A::ChildWorkflowExecutionTimedOutEventAttributes(a) => self.child_ends(a.initiated_event_id),
            A::ChildWorkflowExecutionTerminatedEventAttributes(a) => self.child_ends(a.initiated_event_id),
            A::WorkflowExecutionSignaledEventAttributes(_) => self.signals += 1,
            A::WorkflowExecutionCancelRequestedEventAttributes(_) => self.cancel_requested = true,
            A::WorkflowExecutionCompletedEventAttributes(_) => self.closes(Status::Completed),
            A::WorkflowExecutionFailedEventAttributes(_) => self.closes(Status::Failed),
            A::WorkflowExecutionTimedOutEventAttributes(_) => self.closes(Status::TimedOut),
            A::WorkflowExecutionCanceledEventAttributes(_) => self.closes(Status::Canceled),
            A::WorkflowExecutionTerminatedEventAttributes(_) => self.closes(Status::Terminated),
            A::WorkflowExecutionContinuedAsNewEventAttributes(_) => self.closes(Status::ContinuedAsNew),
            _ => {}
        }
    }

    fn child_ends(&mut self, initiated_event_id: i64) {
        self.children.remove(&initiated_event_id);
    }

    fn closes(&mut self, status: Status) {
        let kept = Self { signals: self.signals, cancel_requested: self.cancel_requested, ..Self::default() };
        *self = Self { status: status as i32, ..kept };
    }

    fn of(run: &Run) -> Self {
        let state = RunSnapshot::decode(run.snapshot()).expect("decodes");
        let info = state.info.expect("always there");
        // Of children a closed run keeps those that are still to be told so.
        let children = if run.closed() { Vec::new() } else { state.children };
        Self {
            task: state
                .workflow_task
                .map(|task| (task.scheduled_event_id, task.start.map_or(0, |start| start.started_event_id))),
            activities: state.activities.iter().map(|activity| activity.scheduled_event_id).collect(),
            timers: state.timers.iter().map(|timer| timer.started_event_id).collect(),
            children: children.iter().map(|child| child.initiated_event_id).collect(),
            signals: info.signal_count,
            cancel_requested: info.cancel_requested,
            status: info.status,
        }
    }
}

fn step(run: &mut Run, events: &[HistoryEvent]) {
    let mut transition = Transition::of(run.key().clone());
    transition.events = events
        .iter()
        .map(|event| NewEvent { event: event.clone(), encoded: event.encode_to_vec().into() })
        .collect();
    run.apply(&transition);
}

fn unborn() -> Run {
    Run::new(EntityKey::run(Uuid::from_u128(1), "w", load::run_id("<run-1>")))
}

#[test]
fn every_history_makes_the_state_that_it_tells_of() {
    let histories = load::histories();
    assert!(histories.len() > 30, "the golden files are there");
    for (name, events) in &histories {
        let (mut run, mut open) = (unborn(), Open::default());
        for event in events {
            step(&mut run, std::slice::from_ref(event));
            open.take(event);
            assert_eq!(Open::of(&run), open, "{name} after event {}", event.event_id);
            assert_eq!(run.next_event_id(), event.event_id + 1, "{name}");
            assert_eq!(run.wake(), run.recomputed_wake(), "{name} after event {}", event.event_id);
            let restored = Run::restore(run.key().clone(), run.snapshot(), &[]).expect("restores");
            assert_eq!(restored.snapshot(), run.snapshot(), "{name} after event {}", event.event_id);
        }
        let bytes = RawHistory::encode_events(events).len();
        assert_eq!(run.billed_bytes(), bytes as u64, "{name}");
        let mut at_once = unborn();
        step(&mut at_once, events);
        assert_eq!(at_once.event_state(), run.event_state(), "{name}: the same in one step and in many");
    }
}

#[test]
fn a_chain_ends_with_its_last_run() {
    let histories = load::histories();
    let fold = |wanted: &str| {
        let (_, events) = histories.iter().find(|(name, _)| name == wanted).expect("it was captured");
        let mut run = unborn();
        step(&mut run, events);
        let info = RunSnapshot::decode(run.snapshot()).expect("decodes").info.expect("always there");
        (run, info.successor_run_id)
    };
    for chain in ["workflow_retry", "continue_as_new"] {
        let (first, successor) = fold(&format!("{chain}.json"));
        let (last, end) = fold(&format!("{chain}.run-2.json"));
        assert_eq!((successor, end), (load::run_id("<run-2>").to_string(), String::new()), "{chain}");
        assert_eq!(last.first_execution_run_id(), first.first_execution_run_id(), "{chain}");
        for run in [first, last] {
            assert!(run.effects().all(|effect| effect.key != EffectKey::WorkflowTask), "it is closed");
        }
    }
}
