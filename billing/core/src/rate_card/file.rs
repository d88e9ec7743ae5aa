//! The written form of rate cards. Read it with any serde format; [`super::Catalog::from_file`] validates it.

use serde::{Deserialize, Serialize};

use crate::money::{Currency, ExactDecimal};
use crate::month::Month;

/// A file of rate cards. Unknown keys are refused at every level: a misspelt price must not become a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateCardFile {
    /// All versions of all cards, in any order.
    pub rate_cards: Vec<RateCardSpec>,
}

/// One version of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateCardSpec {
    /// The card's id, shared by its versions.
    pub id: String,
    /// Version, from 1 without gaps.
    pub version: u32,
    /// Currency of every price.
    pub currency: Currency,
    /// First month in force.
    pub effective_from: Month,
    /// First month no longer in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_until: Option<Month>,
    /// Units of prices and allotments.
    pub units: UnitsSpec,
    /// Plans.
    pub plans: Vec<PlanSpec>,
    /// Add-ons.
    #[serde(default)]
    pub add_ons: Vec<AddOnSpec>,
}

/// Units of prices and allotments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitsSpec {
    /// Actions that an action price is quoted per.
    pub actions_per_price: u64,
    /// Bytes in a GB.
    pub bytes_per_gb: u64,
    /// GBh in a GB-month.
    pub hours_per_gb_month: u64,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSpec {
    /// Id within the card.
    pub id: String,
    /// What invoices call it.
    pub name: String,
    /// The plan's fee.
    pub fee: FeeSpec,
    /// What the fee includes every month.
    pub included: IncludedSpec,
    /// Price of actions above the allotment.
    pub actions: PriceSpec,
    /// Price of active storage above the allotment, per GBh.
    pub active_storage: PriceSpec,
    /// Price of retained storage above the allotment, per GBh.
    pub retained_storage: PriceSpec,
}

/// The greater of a minimum and a percentage of usage spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeSpec {
    /// Major units per month.
    pub minimum: ExactDecimal,
    /// Percent of actions and storage cost, 0 to 100.
    pub percent_of_usage: ExactDecimal,
}

/// Monthly allotments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncludedSpec {
    /// Actions.
    pub actions: u64,
    /// GB-months of active storage.
    pub active_storage_gb: ExactDecimal,
    /// GB-months of retained storage.
    pub retained_storage_gb: ExactDecimal,
}

/// A price model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum PriceSpec {
    /// One price per pricing unit.
    Unit {
        /// Major units per pricing unit.
        price: ExactDecimal,
    },
    /// A price per tier.
    Graduated {
        /// Tiers, lowest first; the last has no end.
        tiers: Vec<TierSpec>,
    },
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierSpec {
    /// Where it ends, in pricing units from the end of the allotment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<ExactDecimal>,
    /// Major units per pricing unit.
    pub price: ExactDecimal,
}

/// A fixed monthly extra.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddOnSpec {
    /// Id within the card.
    pub id: String,
    /// What invoices call it.
    pub name: String,
    /// Major units per month.
    pub price_per_month: ExactDecimal,
}
