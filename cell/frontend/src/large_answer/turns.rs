//! Who decodes a large answer when: a few at a time, and no namespace more than its part of them.

use crate::errors;
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::ResourceExhaustedCause;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use uuid::Uuid;

/// Requests that are in decoded form, or on their way to it, at a time. Decoded, one takes several times its bytes; the
/// others wait as they came.
const AT_ONCE: usize = 4;
/// Those of one namespace, so that others have their turn.
const OF_A_NAMESPACE_AT_ONCE: usize = 2;
/// Bytes of one namespace's requests that wait or are decoded: more are refused, and their workers try again.
pub(super) const OF_A_NAMESPACE_BYTES: usize = 32 << 20;
/// Bytes of those of all namespaces.
const BYTES: usize = 4 * OF_A_NAMESPACE_BYTES;

/// Turns of all namespaces.
pub(super) struct Turns {
    all: Semaphore,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    bytes: usize,
    /// Of namespaces that have something here.
    namespaces: BTreeMap<Uuid, Line>,
}

struct Line {
    bytes: usize,
    requests: usize,
    turns: Arc<Semaphore>,
}

/// A request that is here; its bytes are given back when this is dropped.
pub(super) struct Place<'t> {
    turns: &'t Turns,
    namespace: Uuid,
    bytes: usize,
    line: Arc<Semaphore>,
}

/// Whose turn it is.
pub(super) struct Turn<'t> {
    _all: SemaphorePermit<'t>,
    _line: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { all: Semaphore::new(AT_ONCE), waiting: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request in that waits as it came, or refuses it.
    pub(super) fn enter(&self, namespace: Uuid, bytes: usize) -> Result<Place<'_>, Status> {
        let mut waiting = self.lock();
        let held = waiting.namespaces.get(&namespace).map_or(0, |line| line.bytes);
        if held + bytes > OF_A_NAMESPACE_BYTES || waiting.bytes + bytes > BYTES {
            let text = "too many bytes of workflow task completions wait to be decoded";
            return Err(errors::quota(text, ResourceExhaustedCause::ConcurrentLimit));
        }
        waiting.bytes += bytes;
        let fresh =
            || Line { bytes: 0, requests: 0, turns: Arc::new(Semaphore::new(OF_A_NAMESPACE_AT_ONCE)) };
        let line = waiting.namespaces.entry(namespace).or_insert_with(fresh);
        line.bytes += bytes;
        line.requests += 1;
        Ok(Place { turns: self, namespace, bytes, line: Arc::clone(&line.turns) })
    }
}

impl<'t> Place<'t> {
    /// Waits for the request's turn. A namespace has few that wait for all the others, so that these alternate.
    pub(super) async fn turn(&self) -> Turn<'t> {
        let line = Arc::clone(&self.line).acquire_owned().await.expect("never closed");
        let all = self.turns.all.acquire().await.expect("never closed");
        Turn { _all: all, _line: line }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.turns.lock();
        waiting.bytes -= self.bytes;
        if let Some(line) = waiting.namespaces.get_mut(&self.namespace) {
            line.bytes -= self.bytes;
            line.requests -= 1;
            if line.requests == 0 {
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

    #[tokio::test]
    async fn a_namespace_with_many_leaves_others_their_turn() {
        let turns = Turns::new();
        let places: Vec<_> = (0..10).map(|_| turns.enter(BUSY, 1).unwrap()).collect();
        let mut waiting: Vec<_> = places.iter().map(|place| Box::pin(place.turn())).collect();
        let taken: Vec<_> = waiting.iter_mut().filter_map(|turn| turn.now_or_never()).collect();
        assert_eq!(taken.len(), OF_A_NAMESPACE_AT_ONCE);
        let other = turns.enter(OTHER, 1).unwrap();
        assert!(other.turn().now_or_never().is_some());
        drop(taken);
        let next = waiting.iter_mut().skip(2).filter_map(|turn| turn.now_or_never()).count();
        assert!(next > 0, "those that waited are next");
    }

    #[test]
    fn bytes_that_wait_are_bounded_by_namespace_and_in_all() {
        let turns = Turns::new();
        let place = turns.enter(BUSY, OF_A_NAMESPACE_BYTES).unwrap();
        assert_eq!(turns.enter(BUSY, 1).err().unwrap().code, Code::ResourceExhausted);
        let others: Vec<_> =
            (2..5).map(|n| turns.enter(Uuid::from_u128(n), OF_A_NAMESPACE_BYTES).unwrap()).collect();
        assert!(turns.enter(Uuid::from_u128(9), 1).is_err(), "all have as much as there is");
        drop(place);
        assert!(turns.enter(BUSY, 1).is_ok());
        drop(others);
        assert!(turns.lock().namespaces.is_empty());
        assert_eq!(turns.lock().bytes, 0);
    }
}
