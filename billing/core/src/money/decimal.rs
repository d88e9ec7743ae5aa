//! Exact decimals for prices and percentages: an integer and a scale, written as text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// Most digits after the point. Published prices have five; the bound keeps every product small and every text short.
pub const MAX_SCALE: u8 = 18;

/// Text that is not an exact decimal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecimalError {
    /// Not of the form `-12.345`.
    #[error("{0:?} is not a decimal number such as \"0.042\"")]
    Malformed(String),
    /// More than [`MAX_SCALE`] digits after the point.
    #[error("{0:?} has more than {MAX_SCALE} digits after the point")]
    TooPrecise(String),
    /// The digits do not fit in 128 bits.
    #[error("{0:?} has too many digits")]
    TooLarge(String),
}

/// An exact decimal number, `mantissa / 10^scale`, always in lowest form, so that equal values are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExactDecimal {
    mantissa: i128,
    scale: u8,
}

impl ExactDecimal {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// An amount of nano-units, in major units.
    pub fn from_nanos(nanos: i128) -> Self {
        Self { mantissa: nanos, scale: super::NANO_DIGITS }.normalized()
    }

    /// This percentage as a factor: `10` becomes `0.1`. Errors when that needs more than [`MAX_SCALE`] digits.
    pub fn percent_to_factor(self) -> Result<Self, DecimalError> {
        let scale = self.scale + 2;
        let factor = Self { mantissa: self.mantissa, scale }.normalized();
        if factor.scale > MAX_SCALE { Err(DecimalError::TooPrecise(self.to_string())) } else { Ok(factor) }
    }

    /// The integer part of `mantissa / 10^scale`'s fraction: all digits without the point.
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// Digits after the point.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether the number is below zero.
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// `self * factor` when that is a whole, non-negative number that fits, else nothing.
    pub fn whole_product(self, factor: u128) -> Option<u128> {
        let product = u128::try_from(self.mantissa).ok()?.checked_mul(factor)?;
        let divisor = 10_u128.pow(u32::from(self.scale));
        product.is_multiple_of(divisor).then(|| product / divisor)
    }

    /// The number with at least `digits` digits after the point (`0.5` with 2 is `0.50`).
    pub fn to_string_with_min_digits(self, digits: u8) -> String {
        let mut text = self.to_string();
        if self.scale < digits {
            if self.scale == 0 {
                text.push('.');
            }
            text.extend(std::iter::repeat_n('0', usize::from(digits - self.scale)));
        }
        text
    }

    fn normalized(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }
}

impl FromStr for ExactDecimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(DecimalError::Malformed(text.to_owned())),
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(DecimalError::Malformed(text.to_owned()));
        }
        let scale = u8::try_from(fraction.len())
            .ok()
            .filter(|scale| *scale <= MAX_SCALE)
            .ok_or_else(|| DecimalError::TooPrecise(text.to_owned()))?;
        let sign = if unsigned.len() == text.len() { "" } else { "-" };
        let mantissa = format!("{sign}{whole}{fraction}")
            .parse()
            .map_err(|_| DecimalError::TooLarge(text.to_owned()))?;
        Ok(Self { mantissa, scale }.normalized())
    }
}

impl fmt::Display for ExactDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let divisor = 10_u128.pow(u32::from(self.scale));
        let magnitude = self.mantissa.unsigned_abs();
        let sign = if self.is_negative() { "-" } else { "" };
        let (whole, fraction) = (magnitude / divisor, magnitude % divisor);
        write!(f, "{sign}{whole}.{fraction:0width$}", width = usize::from(self.scale))
    }
}

impl Serialize for ExactDecimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Only text is read: a bare number in TOML or JSON has passed through a float already.
impl<'de> Deserialize<'de> for ExactDecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_in_lowest_form() {
        for (given, shown) in [
            ("50", "50"),
            ("0.00105", "0.00105"),
            ("-1.50", "-1.5"),
            ("0.000", "0"),
            ("-0.042", "-0.042"),
            ("007", "7"),
        ] {
            assert_eq!(given.parse::<ExactDecimal>().unwrap().to_string(), shown, "{given}");
        }
    }

    #[test]
    fn refuses_what_is_not_exact() {
        for wrong in ["", "-", ".5", "5.", "1e3", "1,5", " 1", "+1", "--1", "1.2.3", "NaN"] {
            assert!(matches!(wrong.parse::<ExactDecimal>(), Err(DecimalError::Malformed(_))), "{wrong}");
        }
        assert!(matches!("0.0000000000000000001".parse::<ExactDecimal>(), Err(DecimalError::TooPrecise(_))));
        assert!(matches!("9".repeat(40).parse::<ExactDecimal>(), Err(DecimalError::TooLarge(_))));
        assert!(serde_json::from_str::<ExactDecimal>("0.1").is_err(), "a bare number is refused");
    }

    #[test]
    fn whole_products_and_factors() {
        let two_and_a_half: ExactDecimal = "2.5".parse().unwrap();
        assert_eq!(two_and_a_half.whole_product(744), Some(1860));
        assert_eq!(two_and_a_half.whole_product(3), None);
        assert_eq!("-1".parse::<ExactDecimal>().unwrap().whole_product(3), None);
        assert_eq!("10".parse::<ExactDecimal>().unwrap().percent_to_factor().unwrap().to_string(), "0.1");
        let percent =
            |digits: usize| format!("0.{}1", "0".repeat(digits - 1)).parse::<ExactDecimal>().unwrap();
        assert_eq!(percent(16).percent_to_factor().unwrap().scale(), MAX_SCALE);
        assert!(matches!(percent(17).percent_to_factor(), Err(DecimalError::TooPrecise(_))));
        assert_eq!(ExactDecimal::from_nanos(1_100_000).to_string_with_min_digits(2), "0.0011");
        assert_eq!(ExactDecimal::from_nanos(5_000_000_000).to_string_with_min_digits(2), "5.00");
    }
}
