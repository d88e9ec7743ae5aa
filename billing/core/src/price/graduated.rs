//! Graduated tiers: each part of a quantity is charged at the price of the tier that it falls into.

use super::PricedQuantity;
use crate::money::ExactDecimal;

/// A step of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// The quantity (base units, counted from the start of the ladder) at which the tier ends; the last one never ends.
    pub up_to: Option<u128>,
    /// Major units per pricing unit; not negative.
    pub price: ExactDecimal,
}

/// A ladder of tiers with rising bounds of which the last is open. Marginal: reaching a tier never reprices what lies
/// below it. The ladder starts after the plan's allotment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraduatedTiers(Vec<Tier>);

/// Why tiers do not form a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    /// There is no tier.
    #[error("a graduated price needs at least one tier")]
    Empty,
    /// A tier does not end above the one before it.
    #[error("tier {0} does not end above the tier before it")]
    Unsorted(usize),
    /// A tier without an end stands before the last.
    #[error("tier {0} has no `up_to`, but is not the last")]
    OpenInside(usize),
    /// The last tier has an end.
    #[error("the last tier must have no `up_to`: some quantity would have no price")]
    ClosedEnd,
}

impl GraduatedTiers {
    /// The ladder of these tiers. Errors name the first tier (from 1) that is out of place.
    pub fn new(tiers: Vec<Tier>) -> Result<Self, LadderError> {
        let (last, inner) = tiers.split_last().ok_or(LadderError::Empty)?;
        let mut below = 0;
        for (index, tier) in inner.iter().enumerate() {
            let up_to = tier.up_to.ok_or(LadderError::OpenInside(index + 1))?;
            if up_to <= below {
                return Err(LadderError::Unsorted(index + 1));
            }
            below = up_to;
        }
        if last.up_to.is_some() { Err(LadderError::ClosedEnd) } else { Ok(Self(tiers)) }
    }

    /// The tiers, lowest first.
    pub fn tiers(&self) -> &[Tier] {
        &self.0
    }

    /// The non-empty part of `quantity` in each tier.
    pub(super) fn split(&self, quantity: u128) -> Vec<PricedQuantity> {
        let mut below = 0;
        let mut parts = Vec::new();
        for (index, tier) in self.0.iter().enumerate() {
            let end = tier.up_to.map_or(quantity, |up_to| up_to.min(quantity));
            if end <= below {
                break;
            }
            parts.push(PricedQuantity {
                tier: Some(index + 1),
                quantity: end - below,
                unit_price: tier.price,
            });
            below = end;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ladder(bounds: &[Option<u128>]) -> Result<GraduatedTiers, LadderError> {
        GraduatedTiers::new(
            bounds.iter().map(|up_to| Tier { up_to: *up_to, price: ExactDecimal::ZERO }).collect(),
        )
    }

    #[test]
    fn a_bound_belongs_to_the_tier_below_it() {
        let tiers = ladder(&[Some(5), Some(10), None]).unwrap();
        let split = |quantity| tiers.split(quantity).iter().map(|part| part.quantity).collect::<Vec<_>>();
        assert_eq!(split(0), Vec::<u128>::new());
        assert_eq!(split(5), [5]);
        assert_eq!(split(6), [5, 1]);
        assert_eq!(split(10), [5, 5]);
        assert_eq!(split(25), [5, 5, 15]);
    }

    #[test]
    fn what_is_not_a_ladder_is_refused() {
        assert_eq!(ladder(&[]), Err(LadderError::Empty));
        assert_eq!(ladder(&[Some(0), None]), Err(LadderError::Unsorted(1)));
        assert_eq!(ladder(&[Some(5), Some(5), None]), Err(LadderError::Unsorted(2)));
        assert_eq!(ladder(&[Some(5), None, None]), Err(LadderError::OpenInside(2)));
        assert_eq!(ladder(&[Some(5)]), Err(LadderError::ClosedEnd));
    }

    proptest! {
        #![proptest_config(atoll_seed::cases(256))]

        #[test]
        fn parts_sum_to_the_quantity(quantity in any::<u128>(), bounds in proptest::collection::btree_set(1_u128.., 0..6)) {
            let bounds: Vec<_> = bounds.into_iter().map(Some).chain([None]).collect();
            let parts = ladder(&bounds).unwrap().split(quantity);
            prop_assert_eq!(parts.iter().map(|part| part.quantity).sum::<u128>(), quantity);
            prop_assert!(parts.iter().all(|part| part.quantity > 0));
        }
    }
}
