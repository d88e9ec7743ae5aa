//! Turns of namespaces at what takes long: a few at a time, and no namespace more than its part of them.

use crate::errors;
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::ResourceExhaustedCause;
pub use atoll_rpc::Turn;
use uuid::Uuid;

/// A namespace that is here; what it weighs is given back when this is dropped.
pub type Place = atoll_rpc::Place<Uuid>;

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
    turns: atoll_rpc::Turns<Uuid>,
    refusal: &'static str,
}

impl Turns {
    /// All of them free.
    pub fn new(limits: TurnLimits) -> Self {
        let TurnLimits { at_once, of_a_namespace_at_once, of_a_namespace, in_all, refusal } = limits;
        let turns = atoll_rpc::Turns::new(atoll_rpc::TurnLimits {
            at_once,
            of_one_at_once: of_a_namespace_at_once,
            of_one: of_a_namespace,
            in_all,
        });
        Self { turns, refusal }
    }

    /// Takes somebody of that weight in, or refuses it.
    pub fn enter(&self, namespace: Uuid, weight: usize) -> Result<Place, Status> {
        self.turns
            .enter(namespace, weight)
            .ok_or_else(|| errors::quota(self.refusal, ResourceExhaustedCause::ConcurrentLimit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::call::Code;

    #[test]
    fn who_weighs_too_much_is_told_why() {
        let limits = TurnLimits {
            at_once: 4,
            of_a_namespace_at_once: 2,
            of_a_namespace: 32,
            in_all: 128,
            refusal: "too much",
        };
        let turns = Turns::new(limits);
        let _place = turns.enter(Uuid::from_u128(1), 32).unwrap();
        let refused = turns.enter(Uuid::from_u128(1), 1).err().unwrap();
        assert_eq!((refused.code, &*refused.message), (Code::ResourceExhausted, limits.refusal));
        assert!(turns.enter(Uuid::from_u128(2), 32).is_ok());
    }
}
