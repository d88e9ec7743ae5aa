//! Where the events of a run stand: on the branches of other runs as far as its history begins there, and on its own.
//!
//! Owns putting a history together of stretches of branches, and the references by which the store knows what of a
//! branch others share. `call::history` reads by stretches. The slice that first writes a run holds its references
//! (`checkpoint::slices`); until that stands they are kept by the table (`memory::table::forks`), and whatever removes
//! rows of the same family writes them first (`deletion::rows`): else the rows of a base could go between the step that
//! made its fork, which is in the log, and the fork's first slice. What is kept aside keeps them, too, and they go with
//! the row that its steps are kept in.
//!
//! Storage is billed by the history that is served. So a forked run is billed for all of its events, shared or not,
//! from its first step until it is deleted, and its base for its own as long as it is there: nobody's bill changes with
//! what becomes of another run.
//!
//! # To fork a run
//!
//! No command does that yet; everything here knows runs that were forked. The one that comes, a reset, has to see to
//! this:
//! 1. The first step of the new run says its ancestors: in the log's `Transition` itself, as usage stands there, and
//!    not among its changes. For where the engine fails on that very step, whoever keeps it (`quarantine::kept_steps`)
//!    has to write the references with it. It is a new field of the log, and raises the version of reader that a row
//!    asks for.
//! 2. It is decided only where the store holds the shared events, and with them the base's row: where the base's
//!    `HistoryTail::stored_through` is not before the event. A base is deleted with what the log alone holds of it; a
//!    command that finds it short asks for a checkpoint of the base first.
//! 3. The new run's tail begins behind the shared events, `HistoryTail::after` of the last of them.
//! 4. Its first step is billed for the shared bytes, too: they are part of `Run::billed_bytes` from then on.
//! 5. A run that would have more than [`MOST_ANCESTORS`](cell_engine::MOST_ANCESTORS) has a copy of the shared events
//!    on its own branch instead, and no ancestors.

use atoll_internal_api::entity::EntityKey;
use cell_engine::Ancestor;
use cell_store::BranchReference;

/// Consecutive events of a history that stand on one branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stretch {
    /// The branch, by the name of the run that began it.
    pub(crate) branch: EntityKey,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// On which branches the events `[first, last]` of an entity's history stand, in order.
pub(crate) fn stretches(key: &EntityKey, ancestors: &[Ancestor], first: i64, last: i64) -> Vec<Stretch> {
    let shared = ancestors.iter().map(|ancestor| (ancestor.branch, ancestor.last_event_id));
    let mut before = 0;
    let mut all = Vec::with_capacity(1);
    for (branch, end) in shared.chain([(key.run_id, i64::MAX)]) {
        let stretch =
            Stretch { branch: named(key, branch), first: first.max(before + 1), last: last.min(end) };
        if stretch.first <= stretch.last {
            all.push(stretch);
        }
        before = end;
    }
    all
}

/// What an entity refers to whose history begins on these.
pub(crate) fn references(key: &EntityKey, ancestors: &[Ancestor]) -> Vec<BranchReference> {
    let reference = |ancestor: &Ancestor| BranchReference {
        branch: named(key, ancestor.branch),
        by: key.run_id,
        through_event_id: ancestor.last_event_id,
    };
    ancestors.iter().map(reference).collect()
}

/// A branch of the same family and kind.
fn named(key: &EntityKey, branch: uuid::Uuid) -> EntityKey {
    EntityKey { run_id: branch, ..key.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn run(n: u128) -> EntityKey {
        EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(n))
    }

    /// The branches of a run 9 that shares 1 to 3 of the first and 4 to 7 of the second.
    fn found(first: i64, last: i64) -> Vec<(u128, i64, i64)> {
        let ancestors = [(1, 3), (2, 7)]
            .map(|(branch, last_event_id)| Ancestor { branch: Uuid::from_u128(branch), last_event_id });
        let all = stretches(&run(9), &ancestors, first, last);
        all.iter().map(|stretch| (stretch.branch.run_id.as_u128(), stretch.first, stretch.last)).collect()
    }

    #[test]
    fn a_range_goes_over_the_ancestors_and_then_its_own_branch() {
        assert_eq!(found(1, i64::MAX), [(1, 1, 3), (2, 4, 7), (9, 8, i64::MAX)]);
        assert_eq!(found(2, 9), [(1, 2, 3), (2, 4, 7), (9, 8, 9)]);
        assert_eq!(found(3, 4), [(1, 3, 3), (2, 4, 4)]);
        assert_eq!(found(5, 6), [(2, 5, 6)]);
        assert_eq!(found(7, 8), [(2, 7, 7), (9, 8, 8)]);
        assert_eq!(found(8, 12), [(9, 8, 12)]);
        assert_eq!(found(4, 3), []);
    }

    #[test]
    fn without_ancestors_all_stands_on_its_own() {
        let own = Stretch { branch: run(9), first: 4, last: 6 };
        assert_eq!(stretches(&run(9), &[], 4, 6), [own]);
        assert_eq!(references(&run(9), &[]), []);
    }

    #[test]
    fn it_refers_to_each_branch_as_far_as_it_shares_it() {
        let ancestors = [Ancestor { branch: Uuid::from_u128(1), last_event_id: 3 }];
        let reference = BranchReference { branch: run(1), by: run(9).run_id, through_event_id: 3 };
        assert_eq!(reference.run(), run(9));
        assert_eq!(references(&run(9), &ancestors), [reference]);
    }
}
