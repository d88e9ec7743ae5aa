//! ISO 4217 currencies with their minor digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// Active ISO 4217 currencies whose minor unit is a hundredth.
const TWO_DIGITS: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD", "BND", "BOB",
    "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CUP", "CVE", "CZK",
    "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ",
    "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD",
    "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR",
    "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP",
    "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS",
    "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH",
    "USD", "UYU", "UZS", "VES", "WST", "XCD", "YER", "ZAR", "ZMW",
];

/// Active ISO 4217 currencies without a minor unit.
const NO_DIGITS: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
];

/// Active ISO 4217 currencies whose minor unit is a thousandth.
const THREE_DIGITS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// A code that is not an active ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown currency {0:?}: expected an ISO 4217 code such as \"USD\"")]
pub struct UnknownCurrency(pub String);

/// A currency of ISO 4217: its code and how many decimal digits its minor unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    minor_digits: u8,
}

impl Currency {
    /// The currency with this upper-case code. Errors when ISO 4217 has none.
    pub fn from_code(code: &str) -> Result<Self, UnknownCurrency> {
        let minor_digits = [(TWO_DIGITS, 2), (NO_DIGITS, 0), (THREE_DIGITS, 3)]
            .into_iter()
            .find_map(|(codes, minor_digits)| codes.contains(&code).then_some(minor_digits));
        match (minor_digits, code.as_bytes().try_into()) {
            (Some(minor_digits), Ok(code)) => Ok(Self { code, minor_digits }),
            _ => Err(UnknownCurrency(code.to_owned())),
        }
    }

    /// The three-letter code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// Decimal digits of the minor unit: 2 for USD (cents), 0 for JPY.
    pub const fn minor_digits(self) -> u8 {
        self.minor_digits
    }

    /// Nano-units in one minor unit: 10,000,000 for USD.
    pub const fn nanos_per_minor_unit(self) -> i128 {
        10_i128.pow((super::NANO_DIGITS - self.minor_digits) as u32)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::from_code(code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_code(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn minor_units_differ_by_currency() {
        assert_eq!(Currency::from_code("USD").unwrap().nanos_per_minor_unit(), 10_000_000);
        assert_eq!(Currency::from_code("JPY").unwrap().nanos_per_minor_unit(), 1_000_000_000);
        assert_eq!(Currency::from_code("BHD").unwrap().nanos_per_minor_unit(), 1_000_000);
    }

    #[test]
    fn refuses_what_iso_does_not_know() {
        for wrong in ["", "usd", "US", "USDX", "XXX"] {
            assert_eq!(Currency::from_code(wrong), Err(UnknownCurrency(wrong.to_owned())));
        }
    }

    #[test]
    fn every_code_stands_in_one_list() {
        let all: Vec<_> = [TWO_DIGITS, NO_DIGITS, THREE_DIGITS].concat();
        assert!(all.iter().all(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())));
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
