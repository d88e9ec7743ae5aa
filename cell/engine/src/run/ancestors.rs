//! The branches that a run's history begins on.
//!
//! A run that was forked from another shares that one's events up to some event and adds what follows to its own
//! branch. What is shared of a run that was itself forked is of that one's ancestors first: a run forked at an event
//! has those of the ancestors of its base that begin before it, the last of them cut there, and the base itself where
//! the event is the base's own. So the ends rise strictly, no branch comes twice, and a fork has at most one ancestor
//! more than its base.

use super::{RestoreError, Run};
use uuid::Uuid;

/// Most branches that a history may begin on: each is a read of its own, 30 bytes of state, and a row that says so. It
/// is reached by forks of forks alone, and a fork that would have more does without ancestors: a copy of the shared
/// events on its own branch is the same history.
pub const MOST_ANCESTORS: usize = 32;

/// A branch of another run that a history begins on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ancestor {
    /// Run id of the run that began it.
    pub branch: Uuid,
    /// Last event of it that is shared.
    pub last_event_id: i64,
}

impl Run {
    /// The branches of other runs that its history begins on, oldest first; its own has what follows.
    pub fn ancestors(&self) -> Vec<Ancestor> {
        let stored = self.info.ancestors.iter();
        let ancestor = stored.map(|stored| {
            let branch = Uuid::from_slice(&stored.branch).ok()?;
            Some(Ancestor { branch, last_event_id: stored.last_event_id })
        });
        // Others were refused when the run was restored.
        ancestor.flatten().collect()
    }

    /// Refuses ancestors from which no history can be put together.
    pub(super) fn check_ancestors(&self) -> Result<(), RestoreError> {
        let unusable = |reason: String| Err(RestoreError::Unusable { part: "list of ancestors", reason });
        let (stored, ancestors) = (self.info.ancestors.len(), self.ancestors());
        if stored > MOST_ANCESTORS {
            return unusable(format!("{stored} of them, {MOST_ANCESTORS} at most can be"));
        }
        if ancestors.len() < stored {
            return unusable("one is no run id".into());
        }
        let mut before = 0;
        for (index, Ancestor { branch, last_event_id }) in ancestors.iter().enumerate() {
            if *last_event_id <= before || *last_event_id >= self.info.next_event_id {
                let next = self.info.next_event_id;
                return unusable(format!(
                    "{branch} through event {last_event_id}, behind {before} and before {next}"
                ));
            }
            if *branch == self.key.run_id || ancestors[..index].iter().any(|other| other.branch == *branch) {
                return unusable(format!("{branch} comes twice"));
            }
            before = *last_event_id;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::entity::EntityKey;
    use atoll_internal_api::state::v1 as state;
    use bytes::Bytes;

    /// A run of ten events that begins on these branches, stored and restored.
    fn restored(ancestors: &[(u128, i64)]) -> Result<Vec<(u128, i64)>, RestoreError> {
        let key = EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(9));
        let mut run = Run::new(key.clone());
        run.info.next_event_id = 11;
        let stored = |(branch, last_event_id): &(u128, i64)| state::Ancestor {
            branch: Bytes::copy_from_slice(Uuid::from_u128(*branch).as_bytes()),
            last_event_id: *last_event_id,
        };
        run.info.ancestors = ancestors.iter().map(stored).collect();
        let run = Run::restore(key, run.snapshot(), &[])?;
        Ok(run.ancestors().iter().map(|a| (a.branch.as_u128(), a.last_event_id)).collect())
    }

    #[test]
    fn they_are_kept_in_the_snapshot_in_their_order() {
        for ancestors in [&[][..], &[(1, 1)], &[(2, 10)], &[(3, 2), (1, 3), (2, 10)]] {
            assert_eq!(restored(ancestors).as_deref(), Ok(ancestors));
        }
    }

    #[test]
    fn what_no_history_can_be_put_together_of_is_refused() {
        for ancestors in [
            &[(1, 0)][..],
            &[(1, 11)],
            &[(1, 3), (2, 3)],
            &[(1, 3), (2, 2)],
            &[(1, 3), (2, 4), (1, 5)],
            &[(9, 3)],
        ] {
            let refused = restored(ancestors).expect_err("no history");
            assert!(matches!(refused, RestoreError::Unusable { part: "list of ancestors", .. }), "{refused}");
        }
    }

    #[test]
    fn there_is_a_limit_of_them() {
        let run = |count: usize| {
            let mut run = Run::new(EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(u128::MAX)));
            run.info.next_event_id = 1_000;
            run.info.ancestors = (1..=count as u128)
                .map(|n| state::Ancestor {
                    branch: Bytes::copy_from_slice(Uuid::from_u128(n).as_bytes()),
                    last_event_id: n as i64,
                })
                .collect();
            run.check_ancestors()
        };
        assert_eq!(run(MOST_ANCESTORS), Ok(()));
        run(MOST_ANCESTORS + 1).expect_err("too many");
    }

    #[test]
    fn events_say_nothing_of_them() {
        let mut run = Run::new(EntityKey::run(Uuid::nil(), "w", Uuid::nil()));
        let before = run.event_state();
        run.info.ancestors.push(state::Ancestor { branch: Bytes::new(), last_event_id: 1 });
        assert_eq!(run.event_state(), before);
    }
}
