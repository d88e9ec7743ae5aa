//! Rate cards: versioned, effective-dated prices.
//!
//! A card is data. [`file`] is its written form, [`RateCard`] the validated one, [`Catalog`] all versions of all cards
//! with the rule which one is in force. Versions start with a calendar month in UTC, so that a month has exactly one
//! price.

mod catalog;
mod error;
pub mod file;
mod validate;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use catalog::Catalog;
pub use error::RateCardError;

use crate::line::PricingUnit;
use crate::money::Currency;
use crate::month::Month;
use crate::price::{FlatPrice, PercentageWithMinimum, PriceModel};
use crate::usage::Meter;

/// The seed: the public pay-as-you-go prices, as TOML of the form [`file::RateCardFile`].
pub const SEED_TOML: &str = include_str!("../seed/rate-cards.toml");

/// Milliseconds in an hour: storage is metered in byte-milliseconds and priced per GBh.
const MILLISECONDS_PER_HOUR: u128 = 3_600_000;

/// Which version of which card; an invoice names it, so that it can be rated again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RateCardRef {
    /// The card.
    pub id: String,
    /// Its version, from 1.
    pub version: u32,
}

/// One version of a card, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateCard {
    /// Card and version.
    pub reference: RateCardRef,
    /// Currency of every price in it.
    pub currency: Currency,
    /// First month in force.
    pub effective_from: Month,
    /// First month no longer in force; none while it has no successor.
    pub effective_until: Option<Month>,
    /// The units of its prices.
    pub units: Units,
    /// Plans by id.
    pub plans: BTreeMap<String, Plan>,
    /// Add-ons by id.
    pub add_ons: BTreeMap<String, AddOn>,
}

/// The units in which a card quotes; none is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// Actions in one pricing unit.
    pub actions_per_price: u64,
    /// Bytes in a GB.
    pub bytes_per_gb: u64,
    /// GBh in a GB-month of an allotment, whatever the month's length.
    pub hours_per_gb_month: u64,
}

impl Units {
    /// What prices of a meter are quoted per.
    pub fn pricing_unit(&self, meter: Meter) -> PricingUnit {
        let (name, size) = match meter {
            Meter::Actions if self.actions_per_price == 1_000_000 => {
                ("1 million Actions".to_owned(), u128::from(self.actions_per_price))
            }
            Meter::Actions => {
                (format!("{} Actions", self.actions_per_price), u128::from(self.actions_per_price))
            }
            Meter::ActiveStorage | Meter::RetainedStorage => {
                ("GBh".to_owned(), self.byte_milliseconds_per_gbh())
            }
        };
        PricingUnit { base_unit: meter.base_unit().to_owned(), name, size }
    }

    /// Byte-milliseconds in one GBh.
    pub fn byte_milliseconds_per_gbh(&self) -> u128 {
        u128::from(self.bytes_per_gb) * MILLISECONDS_PER_HOUR
    }
}

/// A plan's prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Id within the card.
    pub id: String,
    /// What invoices call it.
    pub name: String,
    /// The plan's fee.
    pub fee: PercentageWithMinimum,
    /// Prices by meter; every meter has one.
    pub prices: BTreeMap<Meter, MeterPrice>,
}

/// How one meter is priced within a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterPrice {
    /// The month's allotment, in base units. Resets every month, without rollover and without proration.
    pub included: u128,
    /// The price of what lies above it.
    pub model: PriceModel,
}

/// A fixed monthly extra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddOn {
    /// Id within the card.
    pub id: String,
    /// What invoices call it.
    pub name: String,
    /// Its price.
    pub price: FlatPrice,
}

impl RateCard {
    /// Whether the card prices `month`.
    pub fn covers(&self, month: Month) -> bool {
        self.effective_from <= month && self.effective_until.is_none_or(|until| month < until)
    }
}
