//! Money as integer nano-units of a currency, and the only places where anything is rounded.

mod currency;
mod decimal;
mod rounding;
mod split;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use currency::{Currency, UnknownCurrency};
pub use decimal::{DecimalError, ExactDecimal, MAX_SCALE};
pub use rounding::{divide_half_away, exact_product, round_to_minor_unit};
pub use split::split_by_largest_remainder;

/// Nano-units in one major unit of any currency (1 USD = 10^9 nano-USD).
pub const NANOS_PER_UNIT: i128 = 1_000_000_000;

/// Decimal digits of a nano-unit.
pub const NANO_DIGITS: u8 = 9;

/// An amount that cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Two amounts of different currencies met.
    #[error("cannot combine {left} with {right}")]
    CurrencyMismatch {
        /// Currency of the left operand.
        left: Currency,
        /// Currency of the right operand.
        right: Currency,
    },
    /// The result does not fit in 128 bits of nano-units.
    #[error("amount does not fit in 128-bit nano-units")]
    Overflow,
}

/// An exact amount of one currency, in nano-units. Negative amounts are credits to the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// Amount in nano-units (10^-9 of the major unit).
    #[serde(with = "crate::integer_text")]
    pub nanos: i128,
}

impl Money {
    /// An amount from nano-units.
    pub const fn from_nanos(currency: Currency, nanos: i128) -> Self {
        Self { currency, nanos }
    }

    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { currency, nanos: 0 }
    }

    /// The exact sum. Errors when the currencies differ or the sum does not fit.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency });
        }
        let nanos = self.nanos.checked_add(other.nanos).ok_or(MoneyError::Overflow)?;
        Ok(Money { currency: self.currency, nanos })
    }

    /// The exact sum of `amounts`, zero when there are none. Errors as [`Money::checked_add`] does.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Money, MoneyError> {
        amounts.into_iter().try_fold(Money::zero(currency), Money::checked_add)
    }

    /// The amount in major units as an exact decimal, shown with at least the currency's minor digits (`0.55`,
    /// `0.0011`).
    pub fn to_decimal_string(self) -> String {
        ExactDecimal::from_nanos(self.nanos).to_string_with_min_digits(self.currency.minor_digits())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal_string(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_minor_digits_and_hides_no_nano() {
        let show =
            |code: &str, nanos| Money::from_nanos(Currency::from_code(code).unwrap(), nanos).to_string();
        assert_eq!(show("USD", 550_000_000), "0.55 USD");
        assert_eq!(show("USD", 1_100_000), "0.0011 USD");
        assert_eq!(show("USD", -525_000_000_000), "-525.00 USD");
        assert_eq!(show("JPY", 3_000_000_000), "3 JPY");
        assert_eq!(show("KWD", 1), "0.000000001 KWD");
    }

    #[test]
    fn currencies_do_not_mix() {
        let usd = Money::zero(Currency::from_code("USD").unwrap());
        let eur = Money::zero(Currency::from_code("EUR").unwrap());
        assert!(matches!(usd.checked_add(eur), Err(MoneyError::CurrencyMismatch { .. })));
        let most = Money::from_nanos(usd.currency, i128::MAX);
        assert_eq!(most.checked_add(Money::from_nanos(usd.currency, 1)), Err(MoneyError::Overflow));
    }

    #[test]
    fn serializes_nanos_as_text() {
        let amount = Money::from_nanos(Currency::from_code("USD").unwrap(), i128::MAX);
        let json = serde_json::to_string(&amount).unwrap();
        assert_eq!(json, format!(r#"{{"currency":"USD","nanos":"{}"}}"#, i128::MAX));
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
    }
}
