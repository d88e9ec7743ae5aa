//! What a schedule wants from the world: its pending starts, and what it asks of workflows that are in the way.

use super::start::{ask_id, cancel, request_id, start, terminate};
use super::state::{State, start_of};
use crate::effect::{
    AskWorkflow, Effect, EffectKey, EffectKind, EntityMessage, ExternalTarget, WorkflowRequest,
};
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::schedule::v1::Asked;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Sorts of its effects, and of what they are numbered by: starts, both of them.
const START: u8 = 1;
const MAKE_ROOM: u8 = 2;

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum About {
    /// The start of this number.
    Start(i64),
    /// The workflow that the start of this number began, and that is in the way.
    Running(i64),
}

impl About {
    pub(super) fn of(key: EffectKey) -> Option<Self> {
        match key {
            EffectKey::Own(START, number) => Some(Self::Start(number)),
            EffectKey::Own(MAKE_ROOM, number) => Some(Self::Running(number)),
            _ => None,
        }
    }

    /// What tells the message from others by its key: those of earlier lives of the schedule's id, and those that asked
    /// the workflow for something else. None where there is nothing that it would be about.
    pub(super) fn ask_id(self, state: &State) -> Option<Uuid> {
        match self {
            Self::Start(number) => state.pending(number).map(|_| request_id(state, number)),
            Self::Running(number) => state.running(number).map(|running| ask_id(state, running)),
        }
    }

    fn key(self) -> EffectKey {
        match self {
            Self::Start(number) => EffectKey::Own(START, number),
            Self::Running(number) => EffectKey::Own(MAKE_ROOM, number),
        }
    }
}

/// What changes touched.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) effects: BTreeSet<EffectKey>,
    pub(super) visibility: bool,
}

impl Touched {
    /// What may be wanted no more once a schedule has changed so.
    pub(super) fn before(&mut self, kind: &Kind, state: &State) {
        if let Kind::Created(_) | Kind::Updated(_) | Kind::Closed(_) = kind {
            self.effects.extend(keys(state));
        }
        if let Kind::WorkflowEnded(ended) = kind {
            let running = state.running.iter().filter(|running| running.run_id == ended.run_id);
            self.effects.extend(running.map(|running| About::Running(running.number).key()));
        }
    }

    /// What a schedule that has changed so may want.
    pub(super) fn after(&mut self, kind: &Kind, state: &State) {
        self.visibility |= is_listed(kind, state);
        let about = match kind {
            Kind::StartDecided(it) => About::Start(it.number),
            Kind::StartPostponed(it) => About::Start(it.number),
            Kind::StartAnswered(it) => About::Start(it.number),
            Kind::WorkflowAsked(it) => About::Running(it.number),
            Kind::WorkflowAnswered(it) => About::Running(it.number),
            Kind::MessageBackedOff(it) if it.running => About::Running(it.number),
            Kind::MessageBackedOff(it) => About::Start(it.number),
            _ => return,
        };
        self.effects.insert(about.key());
    }
}

/// Whether lists are told of the change that led to this state. Each telling writes everything that they hold, the memo
/// included. A used action is told with the answer to its start.
fn is_listed(kind: &Kind, state: &State) -> bool {
    match kind {
        Kind::Passed(_) => state.progress.times_unlisted == 0,
        Kind::Created(_)
        | Kind::Updated(_)
        | Kind::StateSet(_)
        | Kind::StartAnswered(_)
        | Kind::WorkflowEnded(_)
        | Kind::Closed(_) => true,
        _ => false,
    }
}

/// Everything that may be wanted.
pub(super) fn keys(state: &State) -> Vec<EffectKey> {
    let starts = state.starting.iter().map(|pending| About::Start(start_of(pending).number));
    let running = state.running.iter().map(|running| About::Running(running.number));
    starts.chain(running).map(About::key).collect()
}

/// Whether anything is wanted now.
pub(super) fn wants_something(state: &State) -> bool {
    let starts = state.starting.iter().any(|pending| pending.retry_at_ns == 0);
    let asks = state.running.iter().any(|running| running.pending && running.retry_at_ns == 0);
    !state.closed() && (starts || asks)
}

/// What the key stands for now, if anything.
pub(super) fn wanted(key: &EntityKey, state: &State, effect: EffectKey) -> Option<Effect> {
    if state.closed() {
        return None;
    }
    let about = About::of(effect)?;
    let id = about.ask_id(state)?;
    let ask = match about {
        About::Start(number) => {
            let pending = state.pending(number).filter(|pending| pending.retry_at_ns == 0)?;
            AskWorkflow {
                id,
                target: ExternalTarget { workflow_id: pending.workflow_id.as_str().into(), run_id: None },
                request: WorkflowRequest::Start(start(key, state, pending)?),
                takes_turns: !pending.has_turn && !pending.finds_only,
            }
        }
        About::Running(number) => {
            let running = state.running(number).filter(|it| it.pending && it.retry_at_ns == 0)?;
            let request = match running.asked() {
                Asked::ToTerminate => WorkflowRequest::Terminate(terminate(key, state, running)),
                Asked::ToCancel => WorkflowRequest::Cancel(cancel(key, state, running)),
                Asked::Unspecified => WorkflowRequest::Exist(Uuid::parse_str(&running.run_id).ok()?),
            };
            AskWorkflow {
                id,
                target: ExternalTarget { workflow_id: running.workflow_id.as_str().into(), run_id: None },
                request,
                takes_turns: false,
            }
        }
    };
    let message = EntityMessage::AskWorkflow(Box::new(ask));
    Some(Effect { key: effect, kind: EffectKind::Send(message) })
}
