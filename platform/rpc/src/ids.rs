use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use uuid::Uuid;

/// Where a piece gets fresh ids from. Passed in wherever an id is made; only [`SystemIds`] asks the machine.
pub trait Ids: Send + Sync + fmt::Debug + 'static {
    /// An id that nothing else has and nobody can guess.
    fn next(&self) -> Uuid;
}

/// Random ids, drawn from a generator of the thread's own that the machine seeds: a task takes several, and a system
/// call for each would cost more than the rest of it.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[allow(clippy::disallowed_methods, reason = "the one place that makes random ids")]
    fn next(&self) -> Uuid {
        uuid::Builder::from_random_bytes(rand::random()).into_uuid()
    }
}

/// Ids that follow from a seed: the same ones, in the same order, whenever a simulation or a test runs again. Easy to
/// guess, so never for a piece that serves people.
#[derive(Debug)]
pub struct SeededIds(Mutex<StdRng>);

impl SeededIds {
    /// The ids of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Ids for SeededIds {
    fn next(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_its_ids() {
        let (first, again, other) = (SeededIds::new(7), SeededIds::new(7), SeededIds::new(8));
        let drawn: Vec<Uuid> = (0..3).map(|_| first.next()).collect();
        assert_eq!(drawn, (0..3).map(|_| again.next()).collect::<Vec<_>>());
        assert_ne!(drawn[0], other.next());
        assert_ne!(drawn[0], drawn[1]);
    }
}
