//! Which message goes to a shard next: a bounded number is on its way, senders take turns.

use atoll_internal_api::entity::EntityKey;
use cell_engine::EffectKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Messages that are on their way to one shard at a time.
pub(super) const IN_FLIGHT_LIMIT: usize = 64;

/// Names a message: its sender, and which of the sender's messages it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Name {
    pub(super) sender: EntityKey,
    pub(super) key: EffectKey,
}

/// Messages to one shard, by name alone: what they say is asked of their sender when their turn comes, so that a
/// million of them cost a million names, and one that is not wanted any more costs nothing.
#[derive(Default)]
pub(super) struct Lane {
    /// On their way, with whether they were sent again meanwhile: a message is never on its way twice.
    flying: BTreeMap<Name, bool>,
    /// Senders that wait, in the order of their turns.
    turns: VecDeque<EntityKey>,
    /// What each of them waits for, oldest first.
    waiting: BTreeMap<EntityKey, BTreeSet<EffectKey>>,
}

impl Lane {
    /// Takes a message in. Where there is room it is on its way now, and the answer is true: the caller carries it.
    /// Else its name waits, or has its carrier ask for it once more.
    pub(super) fn send(&mut self, name: &Name) -> bool {
        if let Some(again) = self.flying.get_mut(name) {
            *again = true;
            return false;
        }
        if self.flying.len() < IN_FLIGHT_LIMIT && self.turns.is_empty() {
            self.flying.insert(name.clone(), false);
            return true;
        }
        let of_sender = self.waiting.entry(name.sender.clone()).or_default();
        if of_sender.is_empty() {
            self.turns.push_back(name.sender.clone());
        }
        of_sender.insert(name.key);
        false
    }

    /// A message has landed, whatever came of it. What its carrier asks for next: the same message, which may have come
    /// to say something else or have been taken by now, or the name whose turn it is.
    pub(super) fn landed(&mut self, name: &Name) -> Option<Name> {
        if self.flying.remove(name)? {
            self.flying.insert(name.clone(), false);
            return Some(name.clone());
        }
        let sender = self.turns.pop_front()?;
        let of_sender = self.waiting.get_mut(&sender)?;
        let key = of_sender.pop_first()?;
        if of_sender.is_empty() {
            self.waiting.remove(&sender);
        } else {
            self.turns.push_back(sender.clone());
        }
        let next = Name { sender, key };
        self.flying.insert(next.clone(), false);
        Some(next)
    }

    /// Messages on their way, and names that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.flying.len(), self.waiting.values().map(BTreeSet::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_engine::PendingKind;
    use uuid::Uuid;

    fn name(sender: &str, id: i64) -> Name {
        let sender = EntityKey::run(Uuid::nil(), sender, Uuid::nil());
        Name { sender, key: EffectKey::Pending(PendingKind::Child, id) }
    }

    #[test]
    fn only_so_many_are_on_their_way_and_senders_take_turns() {
        let mut lane = Lane::default();
        for id in 0..1_000 {
            assert_eq!(lane.send(&name("many", id)), id < IN_FLIGHT_LIMIT as i64);
        }
        assert!(!lane.send(&name("one", 7)));
        assert!(!lane.send(&name("one", 7)), "it waits once");
        assert_eq!(lane.len(), (IN_FLIGHT_LIMIT, 1_000 - IN_FLIGHT_LIMIT + 1));
        let first = lane.landed(&name("many", 0)).expect("somebody waits");
        assert_eq!(first, name("many", IN_FLIGHT_LIMIT as i64));
        assert_eq!(lane.landed(&first), Some(name("one", 7)), "its turn comes second");
        let mut landed = name("one", 7);
        for _ in 0..1_000 - IN_FLIGHT_LIMIT - 1 {
            landed = lane.landed(&landed).expect("somebody waits");
        }
        assert_eq!(lane.landed(&landed), None);
        assert_eq!(lane.len(), (IN_FLIGHT_LIMIT - 1, 0));
    }

    #[test]
    fn what_is_sent_again_on_its_way_is_asked_for_once_more_when_it_has_landed() {
        let mut lane = Lane::default();
        assert!(lane.send(&name("w", 1)));
        assert!(!lane.send(&name("w", 1)), "it is on its way");
        assert!(!lane.send(&name("w", 1)), "once is enough");
        assert_eq!(lane.landed(&name("w", 1)), Some(name("w", 1)));
        assert_eq!(lane.landed(&name("w", 1)), None);
        assert_eq!(lane.len(), (0, 0));
    }
}
