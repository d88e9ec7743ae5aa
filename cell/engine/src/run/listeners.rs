//! Who is told how the chain of a run ends: a child's parent, and whoever else asked for it at the start.
//!
//! Listeners go along a chain: a run that another one follows leaves them to it. The last run tells each of them once,
//! with a back-off of its own, and is not deleted before all know.
//!
//! To add a sort of listener: the command that its kind takes [`ChainEnded`] in with, in the registry. Nothing here
//! changes.

use super::Run;
use super::apply::Touched;
use super::deadlines::{Deadlines, Due};
use crate::effect::{Effect, EffectKey, EffectKind, EntityMessage, TellEnd};
use crate::notice::ChainEnded;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::state::v1::RunListener;
use bytes::Bytes;
use std::sync::Arc;

/// Somebody who waits for the end of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Who.
    pub entity: EntityKey,
    /// What it knows the chain by. With the entity it names the chain: a start that is repeated finds the run that it
    /// began, and all that followed it, by the listener.
    pub reference: Bytes,
}

impl From<&Listener> for log::Listener {
    fn from(listener: &Listener) -> Self {
        Self { entity: Some((&listener.entity).into()), reference: listener.reference.clone() }
    }
}

impl Run {
    /// Whether this listener waits for the end of the run's chain.
    pub(crate) fn has_listener(&self, listener: &Listener) -> bool {
        let listener = log::Listener::from(listener);
        self.info.listeners.iter().any(|held| held.listener.as_ref() == Some(&listener))
    }

    /// The listeners, for the run that follows.
    pub(crate) fn handed_on_listeners(&self) -> Vec<log::Listener> {
        self.info.listeners.iter().filter_map(|held| held.listener.clone()).collect()
    }

    /// Whether a listener was told how the chain ended.
    pub(crate) fn has_told(&self, number: u32) -> bool {
        self.info.listeners.get(number as usize).is_none_or(|held| held.told)
    }

    /// Whether how the chain ended is still to be told to somebody: the last run of the chain tells.
    pub(super) fn has_somebody_to_tell(&self) -> bool {
        self.info.successor_run_id.is_empty() && self.info.listeners.iter().any(|held| !held.told)
    }

    /// How often telling a listener was tried.
    pub(super) fn listener_attempt(&self, number: u32) -> i32 {
        self.info.listeners.get(number as usize).map_or(0, |held| held.attempt)
    }

    /// What is to be told now.
    pub(super) fn listener_effects(&self) -> impl Iterator<Item = Effect> + '_ {
        (0..self.info.listeners.len() as u32).filter_map(|number| self.listener_effect(number))
    }

    /// Telling one listener, if that is to be done now.
    pub(super) fn listener_effect(&self, number: u32) -> Option<Effect> {
        // Listeners are told how the last run of the chain ended.
        let ended = self.closed() && self.info.successor_run_id.is_empty();
        let held = self.info.listeners.get(number as usize)?;
        if !ended || held.told || held.retry_at_ns != 0 {
            return None;
        }
        let listener = held.listener.as_ref()?;
        let tell = TellEnd {
            number,
            listener: listener.entity.as_ref()?.key()?,
            ended: ChainEnded {
                reference: listener.reference.clone(),
                run_id: self.run_id(),
                first_run_id: self.first_execution_run_id(),
                workflow_id: Arc::clone(&self.key.id),
                workflow_type: self.workflow_type().to_owned(),
                close_event: self.info.close_event.clone(),
            },
        };
        Some(Effect {
            key: EffectKey::Listener(number),
            kind: EffectKind::Send(EntityMessage::TellEnd(Box::new(tell))),
        })
    }

    /// The run begins with these.
    pub(super) fn set_listeners(&mut self, listeners: &[log::Listener]) {
        let held =
            |listener: &log::Listener| RunListener { listener: Some(listener.clone()), ..Default::default() };
        self.info.listeners = listeners.iter().map(held).collect();
    }

    /// A listener knows.
    pub(super) fn told_listener(&mut self, number: u32, touched: &mut Touched) {
        if let Some(held) = self.info.listeners.get_mut(number as usize) {
            held.told = true;
        }
        self.back_off_listener(number, 0, 0, touched);
        self.shrink();
    }

    /// Telling a listener waits, or (with no moment given) is to be done.
    pub(super) fn back_off_listener(
        &mut self,
        number: u32,
        attempt: i32,
        retry_at_ns: i64,
        touched: &mut Touched,
    ) {
        let Some(held) = self.info.listeners.get_mut(number as usize) else { return };
        self.deadlines.remove(held.retry_at_ns, Due::ListenerRetry(number));
        (held.attempt, held.retry_at_ns) = (attempt, retry_at_ns);
        self.deadlines.add(retry_at_ns, Due::ListenerRetry(number));
        touched.effects.insert(EffectKey::Listener(number));
    }

    /// Names every moment at which a listener is told again.
    pub(super) fn listener_deadlines(&self, all: &mut Deadlines) {
        for (number, held) in self.info.listeners.iter().enumerate() {
            all.add(held.retry_at_ns, Due::ListenerRetry(number as u32));
        }
    }

    /// The run ended: what its listeners want looked up.
    pub(super) fn touch_listeners(&self, touched: &mut Touched) {
        touched.effects.extend((0..self.info.listeners.len() as u32).map(EffectKey::Listener));
    }
}
