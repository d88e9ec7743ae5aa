//! References of entities that were forked and are not stored yet. There are hardly ever any.

use crate::branches;
use atoll_internal_api::entity::EntityKey;
use cell_engine::Ancestor;
use cell_store::BranchReference;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Entities whose history begins on branches of others, and whose references no slice that stands has written.
#[derive(Default)]
pub(crate) struct Forks(BTreeMap<EntityKey, Fork>);

struct Fork {
    /// Ordinal of the record that made it: before that is durable nobody may learn of it.
    ordinal: u64,
    references: Vec<BranchReference>,
}

impl Forks {
    /// An entity came into being.
    pub(super) fn note(&mut self, key: &EntityKey, ordinal: u64, ancestors: &[Ancestor]) {
        if !ancestors.is_empty() {
            let references = branches::references(key, ancestors);
            self.0.insert(key.clone(), Fork { ordinal, references });
        }
    }

    /// The references of an entity are stored, or its rows are gone.
    pub(crate) fn settled(&mut self, key: &EntityKey) {
        self.0.remove(key);
    }

    /// What the next slice with an entity has to write of its references.
    pub(crate) fn of(&self, key: &EntityKey) -> impl Iterator<Item = BranchReference> {
        self.0.get(key).into_iter().flat_map(|fork| fork.references.iter().cloned())
    }

    /// References of entities of the same families as these, and the last record that made one of those. What one of
    /// them shares with another may be the branch of a third.
    pub(crate) fn related_to<'a>(
        &self,
        keys: impl Iterator<Item = &'a EntityKey>,
    ) -> (Vec<BranchReference>, u64) {
        let mut related = BTreeMap::new();
        if self.0.is_empty() {
            return (Vec::new(), 0);
        }
        for key in keys {
            let first = EntityKey { run_id: Uuid::nil(), ..key.clone() };
            let of_family = self.0.range(first..).take_while(|(other, _)| {
                (other.kind, other.namespace_id, &other.id) == (key.kind, key.namespace_id, &key.id)
            });
            related.extend(of_family);
        }
        let ordinal = related.values().map(|fork| fork.ordinal).max().unwrap_or(0);
        (related.into_values().flat_map(|fork| fork.references.iter().cloned()).collect(), ordinal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, n: u128) -> EntityKey {
        EntityKey::run(Uuid::nil(), id, Uuid::from_u128(n))
    }

    fn related(forks: &Forks, to: &EntityKey) -> (Vec<(u128, u128)>, u64) {
        let (references, ordinal) = forks.related_to([to, to].into_iter());
        (references.iter().map(|r| (r.branch.run_id.as_u128(), r.by.as_u128())).collect(), ordinal)
    }

    #[test]
    fn whatever_of_a_family_goes_all_its_references_come_first() {
        let mut forks = Forks::default();
        let on = |branch, last_event_id| Ancestor { branch: Uuid::from_u128(branch), last_event_id };
        forks.note(&run("a", 2), 5, &[on(1, 3)]);
        forks.note(&run("a", 3), 7, &[on(1, 3), on(2, 9)]);
        forks.note(&run("b", 2), 6, &[on(1, 3)]);
        forks.note(&run("a", 4), 8, &[]);
        assert_eq!(related(&forks, &run("a", 9)), (vec![(1, 2), (1, 3), (2, 3)], 7));
        assert_eq!(related(&forks, &run("b", 1)), (vec![(1, 2)], 6));
        assert_eq!(related(&forks, &EntityKey::current_run(Uuid::nil(), "a")), (vec![], 0));
        assert_eq!(forks.of(&run("a", 3)).count(), 2);
        forks.settled(&run("a", 3));
        assert_eq!(forks.of(&run("a", 3)).count(), 0);
        assert_eq!(related(&forks, &run("a", 9)), (vec![(1, 2)], 5));
    }
}
