//! One entity in all its forms: live, replayed, folded from its events, and restored.

use crate::disk::Disk;
use crate::law::Judge;
use crate::timing::{Cause, TaskClock};
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use cell_engine::{Effect, EffectKey, Run, Time, Transition};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// A transition as recovery reads it.
pub(crate) fn through_the_log(transition: &Transition) -> Transition {
    let encoded = transition.to_proto().encode_to_vec();
    let logged = log::Transition::decode(encoded.as_slice()).expect("decodes");
    Transition::from_proto(&logged).expect("is a transition")
}

/// A run and everything that is compared with it.
pub(crate) struct Tracked {
    pub(crate) run: Run,
    /// Made of the log alone.
    replayed: Run,
    /// Made of the events alone.
    folded: Run,
    /// Gathered step by step.
    wanted: BTreeMap<EffectKey, Effect>,
    judge: Judge,
    clock: TaskClock,
    pub(crate) disk: Disk,
    pub(crate) seen: BTreeSet<EventType>,
    /// Why its workflow tasks have failed.
    pub(crate) causes: BTreeSet<WorkflowTaskFailedCause>,
    /// Its newest event.
    last: Option<HistoryEvent>,
}

impl Tracked {
    pub(crate) fn new(key: &EntityKey) -> Self {
        Self {
            run: Run::new(key.clone()),
            replayed: Run::new(key.clone()),
            folded: Run::new(key.clone()),
            wanted: BTreeMap::new(),
            judge: Judge::default(),
            clock: TaskClock::default(),
            disk: Disk::new(key.run_id.as_u64_pair().1),
            seen: BTreeSet::new(),
            causes: BTreeSet::new(),
            last: None,
        }
    }

    /// Applies a transition to all forms and holds them against each other.
    pub(crate) fn apply(&mut self, transition: &Transition, now: Time, cause: Cause) {
        self.clock.take(transition, now, cause);
        for new in &transition.events {
            self.judge.take(&new.event).unwrap_or_else(|wrong| panic!("illegal history: {wrong}"));
            self.seen.insert(new.event.event_type());
            if let Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) = &new.event.attributes {
                self.causes.insert(failed.cause());
            }
            self.last = Some(new.event.clone());
        }
        let seen_before = self.run.visibility();
        let delta = self.run.apply(transition);
        if !delta.visibility {
            let seen = self.run.visibility();
            assert_eq!(seen_before.status, seen.status, "a change of visibility was not told");
            assert_eq!(seen_before.memo, seen.memo, "a change of visibility was not told");
            assert_eq!(seen_before.search_attributes, seen.search_attributes, "a change was not told");
        }
        for effect in delta.wanted {
            self.wanted.insert(effect.key, effect);
        }
        for key in delta.dropped {
            self.wanted.remove(&key);
        }
        let logged = through_the_log(transition);
        assert_eq!(logged.events, transition.events, "events survive the log");
        self.replayed.apply(&logged);
        self.folded.apply(&Transition { changes: Vec::new(), ..logged });
        self.clock.check(&self.run);
        self.disk.visit(&mut self.run);
        self.check();
    }

    /// The run that its closing event names as its successor.
    pub(crate) fn successor(&self) -> Option<String> {
        let close = self.last.as_ref().filter(|_| self.run.closed())?;
        let named = match close.attributes.clone() {
            Some(Attributes::WorkflowExecutionFailedEventAttributes(a)) => a.new_execution_run_id,
            Some(Attributes::WorkflowExecutionTimedOutEventAttributes(a)) => a.new_execution_run_id,
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a)) => a.new_execution_run_id,
            _ => String::new(),
        };
        (!named.is_empty()).then_some(named)
    }

    fn check(&self) {
        let live = self.run.snapshot();
        assert_eq!(self.replayed.snapshot(), live, "folding the log equals live state");
        assert_eq!(self.folded.event_state(), self.run.event_state(), "folding the events alone");
        assert_eq!(self.wanted, effects(&self.run), "effects gathered equal effects derived");
        assert_eq!(self.run.wake(), self.run.recomputed_wake(), "the index of deadlines is true");
        let restored = Run::restore(self.run.key().clone(), live.clone(), &[]).expect("restores");
        assert_eq!(restored.snapshot(), live, "snapshots round-trip");
        assert_eq!(restored.wake(), self.run.wake(), "a restored run wakes as the live one");
        assert_eq!(effects(&restored), self.wanted, "a restored run wants what the live one wants");
        assert_eq!(restored.event_state(), self.run.event_state(), "a restored run has the same event state");
        let sizes = |run: &Run| (run.held_bytes(), run.state_bytes());
        assert_eq!(sizes(&restored), sizes(&self.run), "sizes that follow each step are those measured anew");
        if self.run.closed() {
            assert!(self.run.workflow_task().is_none(), "a closed run has no workflow task");
            assert!(self.run.delete_at().is_some(), "a closed run is deleted one day");
        }
    }
}

fn effects(run: &Run) -> BTreeMap<EffectKey, Effect> {
    let mut all = BTreeMap::new();
    for effect in run.effects() {
        let twice = all.insert(effect.key, effect);
        assert!(twice.is_none(), "one effect a key");
    }
    all
}
