//! Exact integrals of storage: bytes that stand, times how long.
//!
//! The integral is linear in the deltas, so it does not matter in which order they come: a delta at a moment before
//! the one up to which the integral was taken corrects it.

use crate::hours::split;

/// Bytes of one namespace in one storage class on one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// Bytes that stand at `through_ms` and after.
    pub(crate) bytes: i64,
    /// The integral is taken up to here.
    pub(crate) through_ms: i64,
}

impl Standing {
    /// Nothing stands before the first delta.
    pub(crate) fn from(at_ms: i64) -> Self {
        Self { bytes: 0, through_ms: at_ms }
    }

    /// Takes a delta in; `add` gets (hour, byte-milliseconds).
    pub(crate) fn change(&mut self, at_ms: i64, delta: i64, mut add: impl FnMut(i64, i128)) {
        if at_ms >= self.through_ms {
            self.advance(at_ms, &mut add);
        } else {
            for (hour, ms) in split(at_ms, self.through_ms) {
                add(hour, i128::from(delta) * i128::from(ms));
            }
        }
        self.bytes += delta;
    }

    /// Takes the integral up to a moment.
    pub(crate) fn advance(&mut self, to_ms: i64, add: &mut impl FnMut(i64, i128)) {
        if to_ms > self.through_ms {
            if self.bytes != 0 {
                for (hour, ms) in split(self.through_ms, to_ms) {
                    add(hour, i128::from(self.bytes) * i128::from(ms));
                }
            }
            self.through_ms = to_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours::HOUR_MS;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn any_order_of_deltas_gives_the_same_integral(
            mut deltas in proptest::collection::vec((0..5 * HOUR_MS, -1000i64..1000), 1..20),
            seed in any::<prop::sample::Index>(),
        ) {
            let end = 5 * HOUR_MS;
            // Independently: each delta counts from its moment to the end.
            let mut expected: BTreeMap<i64, i128> = BTreeMap::new();
            for (at, delta) in &deltas {
                for (hour, ms) in split(*at, end) {
                    *expected.entry(hour).or_default() += i128::from(*delta) * i128::from(ms);
                }
            }
            let turn = seed.index(deltas.len());
            deltas.rotate_left(turn);
            let mut found: BTreeMap<i64, i128> = BTreeMap::new();
            let mut add = |hour, amount| *found.entry(hour).or_default() += amount;
            let mut standing = Standing::from(deltas[0].0);
            for (at, delta) in deltas {
                standing.change(at, delta, &mut add);
            }
            standing.advance(end, &mut add);
            expected.retain(|_, amount| *amount != 0);
            found.retain(|_, amount| *amount != 0);
            prop_assert_eq!(found, expected);
        }
    }
}
