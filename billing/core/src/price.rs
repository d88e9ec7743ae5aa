//! Price models, one file each: how a quantity becomes charges. Amounts are not computed here but on the line.

mod flat;
mod graduated;
mod percentage;
mod unit;

pub use flat::FlatPrice;
pub use graduated::{GraduatedTiers, LadderError, Tier};
pub use percentage::{FeeBasis, PercentageWithMinimum};
pub use unit::UnitPrice;

use crate::money::ExactDecimal;

/// A part of a quantity with its own price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricedQuantity {
    /// The tier that it falls into, from 1; none where the model has no tiers.
    pub tier: Option<usize>,
    /// How much, in base units.
    pub quantity: u128,
    /// Major units per pricing unit.
    pub unit_price: ExactDecimal,
}

/// How a meter's quantity above the allotment is priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceModel {
    /// One price for everything.
    Unit(UnitPrice),
    /// A price per tier, each applied to the part of the quantity that falls into it.
    Graduated(GraduatedTiers),
}

impl PriceModel {
    /// The non-empty parts of `quantity` (base units) with their prices; they sum to `quantity`.
    pub fn split(&self, quantity: u128) -> Vec<PricedQuantity> {
        match self {
            PriceModel::Unit(unit) => unit.split(quantity),
            PriceModel::Graduated(tiers) => tiers.split(quantity),
        }
    }
}
