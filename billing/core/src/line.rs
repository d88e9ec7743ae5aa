//! Invoice lines: one charge each, with everything needed to check it by hand.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::money::{ExactDecimal, Money, MoneyError, exact_product};
use crate::month::Month;
use crate::usage::Meter;

/// What a line charges for; it decides the ledger account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeKind {
    /// Metered usage.
    Usage(Meter),
    /// The plan's fee.
    PlanFee,
    /// A fixed monthly add-on.
    AddOn,
    /// The difference between the exact sum and the payable total.
    Rounding,
}

impl ChargeKind {
    /// The name in postings, CSV and canonical bytes.
    pub const fn code(self) -> &'static str {
        match self {
            ChargeKind::Usage(meter) => meter.code(),
            ChargeKind::PlanFee => "plan-fee",
            ChargeKind::AddOn => "add-on",
            ChargeKind::Rounding => "rounding",
        }
    }

    /// Every kind, in the order of an invoice.
    pub const ALL: [ChargeKind; 6] = [
        ChargeKind::Usage(Meter::Actions),
        ChargeKind::Usage(Meter::ActiveStorage),
        ChargeKind::Usage(Meter::RetainedStorage),
        ChargeKind::PlanFee,
        ChargeKind::AddOn,
        ChargeKind::Rounding,
    ];

    /// The kind with this [`ChargeKind::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A half-open span of time, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First instant.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

impl From<Month> for Period {
    fn from(month: Month) -> Self {
        Self { start: month.start(), end: month.end() }
    }
}

/// What a price is quoted per, in base units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricingUnit {
    /// Name of the integer unit of quantities (`action`, `byte-millisecond`).
    pub base_unit: String,
    /// Name of the unit of prices (`1 million Actions`, `GBh`).
    pub name: String,
    /// Base units in one pricing unit; never zero.
    #[serde(with = "crate::integer_text")]
    pub size: u128,
}

/// One charge of an invoice.
///
/// `amount = round(quantity * unit_price / pricing_unit.size)`, rounded once, half away from zero, to nano-units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// What is charged for.
    pub kind: ChargeKind,
    /// Stable code of the charge (`actions.tier-1`); equal codes of two months are the same charge.
    pub code: String,
    /// What a reader sees (`Actions - Tier 1`).
    pub description: String,
    /// When it was used. A correction carries the period that it corrects.
    pub period: Period,
    /// The earlier, already invoiced month that this line corrects.
    pub corrects: Option<Month>,
    /// How much, in base units; negative where a correction takes back.
    #[serde(with = "crate::integer_text")]
    pub quantity: i128,
    /// What the price is quoted per.
    pub pricing_unit: PricingUnit,
    /// Major units of the currency per pricing unit.
    pub unit_price: ExactDecimal,
    /// What it costs.
    pub amount: Money,
}

/// A line whose amount is not what its quantity and price give.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {code}: amount {stated} is not quantity times price")]
pub struct LineMismatch {
    /// The line's code.
    pub code: String,
    /// The amount that it states.
    pub stated: Money,
}

impl InvoiceLine {
    /// The line with its amount computed from quantity and price in `amount.currency`. Errors when that does not fit.
    pub fn priced(mut self) -> Result<Self, MoneyError> {
        self.amount.nanos = exact_product(self.quantity, self.unit_price, self.pricing_unit.size)?;
        Ok(self)
    }

    /// Checks the stated amount against quantity and price, as a reader with a pocket calculator would.
    pub fn verify(&self) -> Result<(), LineMismatch> {
        match exact_product(self.quantity, self.unit_price, self.pricing_unit.size) {
            Ok(nanos) if nanos == self.amount.nanos => Ok(()),
            _ => Err(LineMismatch { code: self.code.clone(), stated: self.amount }),
        }
    }

    /// The quantity in pricing units, for reading, rounded to nine decimals; [`InvoiceLine::quantity`] is exact.
    pub fn pricing_quantity(&self) -> ExactDecimal {
        let one = ExactDecimal::from_nanos(crate::money::NANOS_PER_UNIT);
        ExactDecimal::from_nanos(
            exact_product(self.quantity, one, self.pricing_unit.size).unwrap_or(i128::MAX),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn line() -> InvoiceLine {
        let month: Month = "2026-01".parse().unwrap();
        InvoiceLine {
            kind: ChargeKind::Usage(Meter::Actions),
            code: "actions.tier-1".to_owned(),
            description: "Actions - Tier 1".to_owned(),
            period: month.into(),
            corrects: None,
            quantity: 10_000,
            pricing_unit: PricingUnit {
                base_unit: "action".to_owned(),
                name: "1 million Actions".to_owned(),
                size: 1_000_000,
            },
            unit_price: "50".parse().unwrap(),
            amount: Money::zero(Currency::from_code("USD").unwrap()),
        }
    }

    #[test]
    fn a_line_can_be_checked_by_hand() {
        let mut priced = line().priced().unwrap();
        assert_eq!(priced.amount.to_string(), "0.50 USD");
        assert_eq!(priced.pricing_quantity().to_string(), "0.01");
        assert_eq!(priced.verify(), Ok(()));
        priced.amount.nanos += 1;
        assert_eq!(
            priced.verify().unwrap_err().to_string(),
            "line actions.tier-1: amount 0.500000001 USD is not quantity times price"
        );
        priced.quantity = i128::MAX;
        priced.unit_price = "1000000".parse().unwrap();
        priced.amount.nanos = 0;
        assert!(priced.verify().is_err(), "an amount that does not fit is no zero");
    }

    #[test]
    fn kind_codes_are_distinct_and_round_trip() {
        for kind in ChargeKind::ALL {
            assert_eq!(ChargeKind::from_code(kind.code()), Some(kind));
        }
        // Those that are not listed have no way back: where the compiler asks for a new kind here, it belongs in `ALL`.
        let next = |kind: &ChargeKind| match kind {
            ChargeKind::Usage(meter) => {
                let rest = Meter::ALL.into_iter().skip_while(|listed| listed != meter);
                Some(rest.skip(1).map(ChargeKind::Usage).next().unwrap_or(ChargeKind::PlanFee))
            }
            ChargeKind::PlanFee => Some(ChargeKind::AddOn),
            ChargeKind::AddOn => Some(ChargeKind::Rounding),
            ChargeKind::Rounding => None,
        };
        let all: Vec<_> = std::iter::successors(Some(ChargeKind::Usage(Meter::ALL[0])), next).collect();
        assert_eq!(all, ChargeKind::ALL);
        assert_eq!(ChargeKind::from_code("credits"), None);
    }
}
