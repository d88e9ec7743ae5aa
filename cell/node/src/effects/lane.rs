//! Which message goes to a shard next: a bounded number is on its way, namespaces take turns, and in each its senders.
//! No namespace has more than half of those on their way while others wait, however long its own take.

use atoll_internal_api::entity::EntityKey;
use cell_engine::EffectKey;
use cell_memory::Charge;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uuid::Uuid;

/// Messages that are on their way to one shard at a time.
pub(super) const IN_FLIGHT_LIMIT: usize = 64;
/// Those of them that are of one namespace while others wait.
const NAMESPACE_LIMIT: usize = IN_FLIGHT_LIMIT / 2;

/// Names a message: its sender, and which of the sender's messages it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Name {
    pub(super) sender: EntityKey,
    pub(super) key: EffectKey,
}

/// Messages to one shard, by name alone: what they say is asked of their sender when their turn comes, so that a
/// million of them cost a million names, and one that is not wanted any more costs nothing.
pub(super) struct Lane {
    /// On their way, with whether they were sent again meanwhile: a message is never on its way twice.
    flying: BTreeMap<Name, bool>,
    /// How many of each namespace are on their way.
    places: BTreeMap<Uuid, usize>,
    /// Namespaces that wait, in the order of their turns: one with a million senders holds up nobody else's.
    turns: VecDeque<Uuid>,
    waiting: BTreeMap<Uuid, Senders>,
    /// What the names that wait hold of the memory budget.
    charge: Charge,
}

/// Senders of one namespace.
#[derive(Default)]
struct Senders {
    /// Those that wait, in the order of their turns.
    turns: VecDeque<EntityKey>,
    /// What each of them waits for, oldest first.
    waiting: BTreeMap<EntityKey, BTreeSet<EffectKey>>,
}

/// What a sender that waits takes, and each of its messages: places that are half empty at worst.
fn sender_bytes(sender: &EntityKey) -> usize {
    2 * (2 * size_of::<EntityKey>() + size_of::<BTreeSet<EffectKey>>()) + sender.id.len()
}
const MESSAGE_BYTES: usize = 2 * size_of::<EffectKey>();

impl Senders {
    /// Has a message wait; answers the bytes that this takes, none where it waits already.
    fn add(&mut self, name: &Name) -> usize {
        let mut bytes = 0;
        let of_sender = self.waiting.entry(name.sender.clone()).or_default();
        if of_sender.is_empty() {
            self.turns.push_back(name.sender.clone());
            bytes += sender_bytes(&name.sender);
        }
        if of_sender.insert(name.key) {
            bytes += MESSAGE_BYTES;
        }
        bytes
    }

    /// The message whose turn it is, and the bytes that it took.
    fn next(&mut self) -> Option<(Name, usize)> {
        let sender = self.turns.pop_front()?;
        let of_sender = self.waiting.get_mut(&sender)?;
        let key = of_sender.pop_first()?;
        let mut bytes = MESSAGE_BYTES;
        if of_sender.is_empty() {
            self.waiting.remove(&sender);
            bytes += sender_bytes(&sender);
        } else {
            self.turns.push_back(sender.clone());
        }
        Some((Name { sender, key }, bytes))
    }
}

impl Lane {
    /// Nothing yet; names that wait are charged there.
    pub(super) fn new(charge: Charge) -> Self {
        Self {
            flying: BTreeMap::new(),
            places: BTreeMap::new(),
            turns: VecDeque::new(),
            waiting: BTreeMap::new(),
            charge,
        }
    }

    /// Takes a message in. Where there is room it is on its way now, and the answer is true: the caller carries it.
    /// Else its name waits, or has its carrier ask for it once more.
    pub(super) fn send(&mut self, name: &Name) -> bool {
        if let Some(again) = self.flying.get_mut(name) {
            *again = true;
            return false;
        }
        if self.flying.len() < IN_FLIGHT_LIMIT && self.turns.is_empty() {
            self.fly(name);
            return true;
        }
        let namespace = name.sender.namespace_id;
        let senders = self.waiting.entry(namespace).or_default();
        if senders.turns.is_empty() {
            self.turns.push_back(namespace);
        }
        let bytes = senders.add(name);
        self.charge.resize(self.charge.bytes() + bytes);
        false
    }

    /// A message has landed, whatever came of it. What its carrier asks for next: the same message, which may have come
    /// to say something else or have been taken by now, or the name whose turn it is.
    pub(super) fn landed(&mut self, name: &Name) -> Option<Name> {
        if self.flying.remove(name)? {
            self.flying.insert(name.clone(), false);
            return Some(name.clone());
        }
        self.give_place_back(name.sender.namespace_id);
        let namespace = self.next_namespace()?;
        let senders = self.waiting.get_mut(&namespace)?;
        let (next, bytes) = senders.next()?;
        if senders.turns.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        self.charge.resize(self.charge.bytes() - bytes);
        self.fly(&next);
        Some(next)
    }

    fn fly(&mut self, name: &Name) {
        self.flying.insert(name.clone(), false);
        *self.places.entry(name.sender.namespace_id).or_default() += 1;
    }

    fn give_place_back(&mut self, namespace: Uuid) {
        if let Some(places) = self.places.get_mut(&namespace) {
            *places -= 1;
            if *places == 0 {
                self.places.remove(&namespace);
            }
        }
    }

    /// The namespace whose turn it is: the first that has not its part of the places, or the only one that waits.
    fn next_namespace(&mut self) -> Option<Uuid> {
        let places = |namespace| self.places.get(namespace).copied().unwrap_or_default();
        let next = self.turns.iter().position(|namespace| places(namespace) < NAMESPACE_LIMIT);
        self.turns.remove(next.unwrap_or_default())
    }

    /// Messages on their way, and names that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        let waiting = self.waiting.values().flat_map(|senders| senders.waiting.values());
        (self.flying.len(), waiting.map(BTreeSet::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_engine::PendingKind;
    use cell_memory::{Budget, Owner};

    fn lane() -> Lane {
        Lane::new(Budget::new(1 << 20).charge(Owner::Messages, 0))
    }

    fn name_in(namespace: u128, sender: &str, id: i64) -> Name {
        let sender = EntityKey::run(Uuid::from_u128(namespace), sender, Uuid::nil());
        Name { sender, key: EffectKey::Pending(PendingKind::Child, id) }
    }

    fn name(sender: &str, id: i64) -> Name {
        name_in(0, sender, id)
    }

    #[test]
    fn namespaces_take_turns_before_their_senders_do() {
        let mut lane = lane();
        for id in 0..IN_FLIGHT_LIMIT as i64 {
            assert!(lane.send(&name_in(3 + id as u128 / 16, "busy", id)));
        }
        for sender in 0..1_000 {
            lane.send(&name_in(1, &sender.to_string(), 0));
        }
        for id in 0..2 {
            assert!(!lane.send(&name_in(2, "one", id)));
        }
        let mut landed = name_in(3, "busy", 0);
        let mut next = || {
            landed = lane.landed(&landed).expect("somebody waits");
            landed.clone()
        };
        assert_eq!(next(), name_in(1, "0", 0), "it waits since before");
        assert_eq!(next(), name_in(2, "one", 0), "not behind a thousand senders of another");
        assert_eq!(next(), name_in(1, "1", 0));
        assert_eq!(next(), name_in(2, "one", 1));
        assert_eq!(next(), name_in(1, "2", 0));
        assert_eq!(next(), name_in(1, "3", 0), "the others have none left");
    }

    #[test]
    fn one_namespace_has_half_of_the_places_at_most_while_others_wait() {
        let mut lane = lane();
        for sender in 0..1_000 {
            lane.send(&name_in(1, &sender.to_string(), 0));
            lane.send(&name_in(2, &sender.to_string(), 0));
        }
        // Messages of the second take a moment, and those of the first never land.
        for _ in 0..500 {
            let of_second = Uuid::from_u128(2);
            let landed = lane.flying.keys().find(|name| name.sender.namespace_id == of_second).cloned();
            lane.landed(&landed.expect("it has places")).expect("some wait");
        }
        let places: Vec<usize> = lane.places.values().copied().collect();
        assert_eq!(places, [IN_FLIGHT_LIMIT / 2; 2]);
        assert_eq!(lane.len(), (IN_FLIGHT_LIMIT, 2_000 - IN_FLIGHT_LIMIT - 500));
        // Who is alone has all of them, and none is left idle for others.
        while let Some(landed) = lane.flying.keys().next_back().cloned() {
            if lane.landed(&landed).is_none() {
                break;
            }
        }
        assert!(lane.turns.is_empty());
        assert_eq!(lane.len(), (IN_FLIGHT_LIMIT - 1, 0));
    }

    #[test]
    fn names_that_wait_are_charged_until_they_go() {
        let memory = Budget::new(1 << 20);
        let mut lane = Lane::new(memory.charge(Owner::Messages, 0));
        let names: Vec<_> = (0..IN_FLIGHT_LIMIT as i64 + 2).map(|id| name("sender", id)).collect();
        for name in &names {
            lane.send(name);
        }
        let held = sender_bytes(&name("sender", 0).sender) + 2 * MESSAGE_BYTES;
        assert_eq!(memory.of(Owner::Messages), held);
        lane.send(names.last().expect("some"));
        assert_eq!(memory.of(Owner::Messages), held, "it waits once");
        lane.landed(&names[0]).expect("one waits");
        assert_eq!(memory.of(Owner::Messages), held - MESSAGE_BYTES);
        lane.landed(&names[1]).expect("one waits");
        assert_eq!(memory.of(Owner::Messages), 0);
    }

    #[test]
    fn only_so_many_are_on_their_way_and_senders_take_turns() {
        let mut lane = lane();
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
        let mut lane = lane();
        assert!(lane.send(&name("w", 1)));
        assert!(!lane.send(&name("w", 1)), "it is on its way");
        assert!(!lane.send(&name("w", 1)), "once is enough");
        assert_eq!(lane.landed(&name("w", 1)), Some(name("w", 1)));
        assert_eq!(lane.landed(&name("w", 1)), None);
        assert_eq!(lane.len(), (0, 0));
    }
}
