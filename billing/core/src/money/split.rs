//! Splitting an amount so that the parts sum to the whole.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

/// Splits `total` (nano-units) in proportion to `weights` by largest remainder: each part is rounded toward zero, and
/// what is left goes, one nano-unit each, to the largest remainders, earlier entries first among equals.
///
/// The parts sum to `total` exactly and each is within one nano-unit of its exact share. Callers give the weights in a
/// canonical order, so that the result does not depend on how usage arrived. Nothing comes back when all weights are
/// zero and `total` is not: there is nobody to carry it.
pub fn split_by_largest_remainder(total: i128, weights: &[u128]) -> Option<Vec<i128>> {
    let sum: BigInt = weights.iter().map(|weight| BigInt::from(*weight)).sum();
    if sum.is_zero() {
        return (total == 0).then(|| vec![0; weights.len()]);
    }
    let magnitude = BigInt::from(total).abs();
    let (mut parts, remainders): (Vec<BigInt>, Vec<BigInt>) = weights
        .iter()
        .map(|weight| {
            let exact = &magnitude * *weight;
            (&exact / &sum, exact % &sum)
        })
        .unzip();
    let left = (&magnitude - parts.iter().sum::<BigInt>()).to_usize()?;
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by(|a, b| remainders[*b].cmp(&remainders[*a]).then(a.cmp(b)));
    for index in by_remainder.into_iter().take(left) {
        parts[index] += 1;
    }
    parts.into_iter().map(|part| if total < 0 { -part } else { part }.to_i128()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_remainders_take_what_is_left() {
        assert_eq!(split_by_largest_remainder(10, &[1, 1, 1]), Some(vec![4, 3, 3]));
        assert_eq!(split_by_largest_remainder(-10, &[1, 1, 1]), Some(vec![-4, -3, -3]));
        assert_eq!(split_by_largest_remainder(100, &[0, 1, 2]), Some(vec![0, 33, 67]));
        assert_eq!(split_by_largest_remainder(11, &[4, 3]), Some(vec![6, 5]), "not to the largest part");
        assert_eq!(split_by_largest_remainder(7, &[5]), Some(vec![7]));
        assert_eq!(split_by_largest_remainder(0, &[0, 0]), Some(vec![0, 0]));
        assert_eq!(split_by_largest_remainder(1, &[0, 0]), None);
        assert_eq!(split_by_largest_remainder(1, &[]), None);
        assert_eq!(split_by_largest_remainder(i128::MIN, &[u128::MAX]), Some(vec![i128::MIN]));
    }

    proptest! {
        #![proptest_config(atoll_seed::cases(256))]

        #[test]
        fn conserves_the_total(total in any::<i128>(), weights in proptest::collection::vec(any::<u128>(), 1..20)) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let parts = split_by_largest_remainder(total, &weights).unwrap();
            let sum: BigInt = parts.iter().map(|part| BigInt::from(*part)).sum();
            prop_assert_eq!(sum, BigInt::from(total));
            let zero_stays_zero = weights.iter().zip(&parts).all(|(weight, part)| *weight > 0 || *part == 0);
            prop_assert!(zero_stays_zero);
        }
    }
}
