//! Who does something that takes long, and when: a few at a time, and no namespace more than its part of them.

use crate::errors;
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::ResourceExhaustedCause;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use uuid::Uuid;

/// How many may do it or wait for it.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Turns at a time.
    pub at_once: usize,
    /// Those of one namespace, so that others have theirs.
    pub of_a_namespace_at_once: usize,
    /// What those of one namespace may weigh together, waiting or at it: who comes beyond it is refused, and tries
    /// again.
    pub of_a_namespace: usize,
    /// What those of all namespaces may weigh.
    pub in_all: usize,
    /// What is said to who is refused.
    pub refusal: &'static str,
}

/// Turns of all namespaces.
pub struct Turns {
    limits: TurnLimits,
    all: Semaphore,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    weight: usize,
    /// Of namespaces that have something here.
    namespaces: BTreeMap<Uuid, Line>,
}

struct Line {
    weight: usize,
    places: usize,
    turns: Arc<Semaphore>,
}

/// Who is here; what it weighs is given back when this is dropped.
pub struct Place<'t> {
    turns: &'t Turns,
    namespace: Uuid,
    weight: usize,
    line: Arc<Semaphore>,
}

/// Whose turn it is, until this is dropped.
pub struct Turn<'t> {
    _all: SemaphorePermit<'t>,
    _line: OwnedSemaphorePermit,
}

impl Turns {
    /// All of them free.
    pub fn new(limits: TurnLimits) -> Self {
        Self { limits, all: Semaphore::new(limits.at_once), waiting: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes somebody of that weight in, or refuses it.
    pub fn enter(&self, namespace: Uuid, weight: usize) -> Result<Place<'_>, Status> {
        let TurnLimits { of_a_namespace_at_once, of_a_namespace, in_all, refusal, .. } = self.limits;
        let mut waiting = self.lock();
        let held = waiting.namespaces.get(&namespace).map_or(0, |line| line.weight);
        if held + weight > of_a_namespace || waiting.weight + weight > in_all {
            return Err(errors::quota(refusal, ResourceExhaustedCause::ConcurrentLimit));
        }
        waiting.weight += weight;
        let fresh = || Line { weight: 0, places: 0, turns: Arc::new(Semaphore::new(of_a_namespace_at_once)) };
        let line = waiting.namespaces.entry(namespace).or_insert_with(fresh);
        line.weight += weight;
        line.places += 1;
        Ok(Place { turns: self, namespace, weight, line: Arc::clone(&line.turns) })
    }
}

impl<'t> Place<'t> {
    /// Waits for its turn. A namespace has few that wait for all the others, so that these alternate.
    pub async fn turn(&self) -> Turn<'t> {
        let line = Arc::clone(&self.line).acquire_owned().await.expect("never closed");
        let all = self.turns.all.acquire().await.expect("never closed");
        Turn { _all: all, _line: line }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.turns.lock();
        waiting.weight -= self.weight;
        if let Some(line) = waiting.namespaces.get_mut(&self.namespace) {
            line.weight -= self.weight;
            line.places -= 1;
            if line.places == 0 {
                waiting.namespaces.remove(&self.namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::call::Code;
    use futures::FutureExt;

    const BUSY: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const LIMITS: TurnLimits = TurnLimits {
        at_once: 4,
        of_a_namespace_at_once: 2,
        of_a_namespace: 32,
        in_all: 128,
        refusal: "too much",
    };

    #[tokio::test]
    async fn a_namespace_with_many_leaves_others_their_turn() {
        let turns = Turns::new(LIMITS);
        let places: Vec<_> = (0..10).map(|_| turns.enter(BUSY, 1).unwrap()).collect();
        let mut waiting: Vec<_> = places.iter().map(|place| Box::pin(place.turn())).collect();
        let taken: Vec<_> = waiting.iter_mut().filter_map(|turn| turn.now_or_never()).collect();
        assert_eq!(taken.len(), LIMITS.of_a_namespace_at_once);
        let other = turns.enter(OTHER, 1).unwrap();
        assert!(other.turn().now_or_never().is_some());
        drop(taken);
        let next = waiting.iter_mut().skip(2).filter_map(|turn| turn.now_or_never()).count();
        assert!(next > 0, "those that waited are next");
    }

    #[tokio::test]
    async fn all_namespaces_together_have_so_many_turns() {
        let turns = Turns::new(LIMITS);
        let places: Vec<_> = (0..10).map(|n| turns.enter(Uuid::from_u128(n), 1).unwrap()).collect();
        let mut waiting: Vec<_> = places.iter().map(|place| Box::pin(place.turn())).collect();
        let taken: Vec<_> = waiting.iter_mut().filter_map(|turn| turn.now_or_never()).collect();
        assert_eq!(taken.len(), LIMITS.at_once);
    }

    #[test]
    fn what_waits_is_bounded_by_namespace_and_in_all() {
        let turns = Turns::new(LIMITS);
        let place = turns.enter(BUSY, LIMITS.of_a_namespace).unwrap();
        let refused = turns.enter(BUSY, 1).err().unwrap();
        assert_eq!((refused.code, &*refused.message), (Code::ResourceExhausted, LIMITS.refusal));
        let others: Vec<_> =
            (2..5).map(|n| turns.enter(Uuid::from_u128(n), LIMITS.of_a_namespace).unwrap()).collect();
        assert!(turns.enter(Uuid::from_u128(9), 1).is_err(), "all have as much as there is");
        drop(place);
        assert!(turns.enter(BUSY, 1).is_ok());
        drop(others);
        assert!(turns.lock().namespaces.is_empty());
        assert_eq!(turns.lock().weight, 0);
    }
}
