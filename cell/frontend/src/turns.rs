//! Turns of tenants at what takes long: a few at a time, and no tenant more than its part of them.

use crate::errors;
use crate::namespaces::Namespace;
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::ResourceExhaustedCause;
pub use atoll_rpc::Turn;
use uuid::Uuid;

/// Who takes turns: an account with all of its namespaces, and in a cell without accounts a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tenant {
    /// By its id.
    Account(String),
    /// By its id.
    Namespace(Uuid),
}

impl Tenant {
    /// Whose namespace it is.
    fn of(namespace: &Namespace) -> Self {
        match namespace.spec.account_id.as_str() {
            "" => Self::Namespace(namespace.id),
            account => Self::Account(account.to_owned()),
        }
    }
}

/// A tenant that is here; what it weighs is given back when this is dropped.
pub type Place = atoll_rpc::Place<Tenant>;

/// How many may do it or wait for it.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Turns at a time.
    pub at_once: usize,
    /// Those of one tenant, so that others have theirs.
    pub of_one_at_once: usize,
    /// What those of one tenant may weigh together, waiting or at it: who comes beyond it is refused, and tries again.
    pub of_one: usize,
    /// What those of all tenants may weigh.
    pub in_all: usize,
    /// What is said to who is refused.
    pub refusal: &'static str,
}

/// Turns of all tenants.
pub struct Turns {
    turns: atoll_rpc::Turns<Tenant>,
    refusal: &'static str,
}

impl Turns {
    /// All of them free.
    pub fn new(limits: TurnLimits) -> Self {
        let TurnLimits { at_once, of_one_at_once, of_one, in_all, refusal } = limits;
        let turns = atoll_rpc::Turns::new(atoll_rpc::TurnLimits { at_once, of_one_at_once, of_one, in_all });
        Self { turns, refusal }
    }

    /// Takes in somebody of that weight who calls in a namespace, or refuses it.
    pub fn enter(&self, namespace: &Namespace, weight: usize) -> Result<Place, Status> {
        self.turns
            .enter(Tenant::of(namespace), weight)
            .ok_or_else(|| errors::quota(self.refusal, ResourceExhaustedCause::ConcurrentLimit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::namespace;
    use atoll_api::call::Code;
    use futures::FutureExt;

    const LIMITS: TurnLimits =
        TurnLimits { at_once: 4, of_one_at_once: 2, of_one: 32, in_all: 128, refusal: "too much" };

    #[test]
    fn who_weighs_too_much_is_told_why() {
        let turns = Turns::new(LIMITS);
        let (one, other) =
            (namespace(Uuid::from_u128(1), "one", ""), namespace(Uuid::from_u128(2), "other", ""));
        let _place = turns.enter(&one, 32).unwrap();
        let refused = turns.enter(&one, 1).err().unwrap();
        assert_eq!((refused.code, &*refused.message), (Code::ResourceExhausted, LIMITS.refusal));
        assert!(turns.enter(&other, 32).is_ok(), "of no account either");
    }

    #[test]
    fn the_namespaces_of_an_account_are_one_tenant() {
        let turns = Turns::new(LIMITS);
        let of = |id, account| namespace(Uuid::from_u128(id), "n", account);
        let places: Vec<_> = (0..32).map(|id| turns.enter(&of(id, "busy1"), 1).unwrap()).collect();
        let taken: Vec<_> = places.iter().filter_map(|place| place.turn().now_or_never()).collect();
        assert_eq!(taken.len(), LIMITS.of_one_at_once);
        assert!(turns.enter(&of(99, "busy1"), 1).is_err(), "as much as one may have");
        let other = turns.enter(&of(0, "other"), 32).unwrap();
        assert!(other.turn().now_or_never().is_some());
    }
}
