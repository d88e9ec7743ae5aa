//! Pure billing: money, rate cards, rating, ledger and invoice states.
//!
//! Owns the arithmetic of a bill. [`rating::rate`] turns an account's terms, one [`rate_card::RateCard`] and a month's
//! metered quantities into invoice lines; [`invoice::Invoice`] carries them through their states; [`ledger`] books
//! them.
//!
//! Does not own storage, transport, the clock or who asks: callers pass everything in, and the same input gives the
//! same bytes ([`invoice::ContentHash`]). No async runtime, no database, no randomness.
//!
//! Invariants, each held by a test:
//! - quantities are integers, prices exact decimals, and every line's amount is
//!   `round(quantity * unit_price / pricing_unit_size)`, rounded once, half away from zero, to nano-units;
//! - the lines of an invoice sum to its total, which is a whole number of minor units;
//! - every ledger entry balances per currency;
//! - the order in which usage arrives does not matter, and splitting cost by namespace conserves it;
//! - a finalized invoice never changes.
//!
//! To add a price model: a file in `price/` with its cases, a variant in [`price::PriceModel`] and in
//! [`rate_card::file::PriceSpec`]. To add a meter: a variant in [`usage::Meter`] and its places in `Meter::ALL` and in
//! [`line::ChargeKind`] with its `ALL`, by which stored invoices are read, a price in [`rate_card::Plan`], and its
//! place in [`rating`].

pub mod invoice;
pub mod ledger;
pub mod line;
pub mod money;
pub mod month;
pub mod price;
pub mod rate_card;
pub mod rating;
pub mod usage;

/// Serde for 128-bit integers as decimal strings: JSON readers outside Rust would round bare numbers of this size.
pub mod integer_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the integer as a decimal string.
    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads the integer from a decimal string; a bare number is refused.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
