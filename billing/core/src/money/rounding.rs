//! The two roundings of a bill: a line's exact product to nano-units, and the payable total to the minor unit.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use super::{ExactDecimal, Money, MoneyError, NANOS_PER_UNIT};

/// `numerator / denominator` as an integer, halves away from zero (2.5 is 3, -2.5 is -3).
///
/// # Panics
/// When `denominator` is not positive: callers divide by unit sizes and powers of ten, which are checked on load.
pub fn divide_half_away(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    assert!(denominator.is_positive(), "the denominator of a price is positive");
    let magnitude: BigInt = (numerator.abs() * 2 + denominator) / (denominator * 2);
    if numerator.is_negative() { -magnitude } else { magnitude }
}

/// Nano-units of `quantity * unit_price / pricing_unit_size`: multiplied exactly first, divided and rounded once, half
/// away from zero.
///
/// `quantity` is in base units (actions, byte-milliseconds), `unit_price` in major units per pricing unit, and
/// `pricing_unit_size` in base units per pricing unit. Errors when the result does not fit.
///
/// # Panics
/// When `pricing_unit_size` is zero.
pub fn exact_product(
    quantity: i128,
    unit_price: ExactDecimal,
    pricing_unit_size: u128,
) -> Result<i128, MoneyError> {
    let numerator = BigInt::from(quantity) * unit_price.mantissa() * NANOS_PER_UNIT;
    let denominator = BigInt::from(pricing_unit_size) * 10_u64.pow(u32::from(unit_price.scale()));
    divide_half_away(&numerator, &denominator).to_i128().ok_or(MoneyError::Overflow)
}

/// The payable amount: `amount` rounded to the currency's minor unit, half away from zero. Errors when that does not
/// fit.
pub fn round_to_minor_unit(amount: Money) -> Result<Money, MoneyError> {
    let unit = amount.currency.nanos_per_minor_unit();
    let units = divide_half_away(&BigInt::from(amount.nanos), &BigInt::from(unit));
    let nanos = (units * unit).to_i128().ok_or(MoneyError::Overflow)?;
    Ok(Money::from_nanos(amount.currency, nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Currency;
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        let cases = [
            (5, 2, 3),
            (-5, 2, -3),
            (4, 3, 1),
            (-4, 3, -1),
            (5, 3, 2),
            (1, 3, 0),
            (-1, 3, 0),
            (0, 7, 0),
            (6, 3, 2),
        ];
        for (numerator, denominator, expected) in cases {
            let rounded = divide_half_away(&BigInt::from(numerator), &BigInt::from(denominator));
            assert_eq!(rounded, BigInt::from(expected), "{numerator}/{denominator}");
        }
    }

    #[test]
    fn products_are_exact_until_the_one_division() {
        // One action at 50 per million is 50,000 nano-units, and three at a third of that are not short of it.
        assert_eq!(exact_product(1, "50".parse().unwrap(), 1_000_000), Ok(50_000));
        assert_eq!(exact_product(3, "1".parse().unwrap(), 3), Ok(1_000_000_000));
        // 1 GB for 744 h in byte-milliseconds at 0.00105 per GBh.
        let byte_milliseconds = 1_000_000_000 * 744 * 3_600_000;
        assert_eq!(
            exact_product(byte_milliseconds, "0.00105".parse().unwrap(), 3_600_000_000_000_000),
            Ok(781_200_000)
        );
        assert_eq!(exact_product(i128::MAX, "2".parse().unwrap(), 1), Err(MoneyError::Overflow));
    }

    #[test]
    fn payable_amounts_are_whole_minor_units() {
        let round = |code: &str, nanos| {
            round_to_minor_unit(Money::from_nanos(Currency::from_code(code).unwrap(), nanos)).unwrap().nanos
        };
        assert_eq!(round("USD", 5_000_000), 10_000_000);
        assert_eq!(round("USD", 4_999_999), 0);
        assert_eq!(round("USD", -5_000_000), -10_000_000);
        assert_eq!(round("JPY", 1_499_999_999), 1_000_000_000);
    }

    proptest! {
        #![proptest_config(atoll_seed::cases(256))]

        #[test]
        fn rounding_is_symmetric_and_within_half(numerator in any::<i64>(), denominator in 1_i64..) {
            let (n, d) = (BigInt::from(numerator), BigInt::from(denominator));
            let rounded = divide_half_away(&n, &d);
            prop_assert_eq!(divide_half_away(&-&n, &d), -&rounded);
            let twice_the_error = (rounded * &d - n).abs() * 2;
            prop_assert!(twice_the_error <= d);
        }
    }
}
