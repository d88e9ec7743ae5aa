//! A percentage of usage spend with a monthly minimum: the greater of the two is charged.

use super::FlatPrice;
use crate::line::PricingUnit;
use crate::money::{Currency, ExactDecimal, Money, MoneyError, NANOS_PER_UNIT, exact_product};
use crate::month::Month;

/// The greater of a monthly minimum and a share of usage spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentageWithMinimum {
    /// The minimum; prorated by the day in a partial month.
    pub minimum: FlatPrice,
    /// The share of usage spend as a factor (0.1 is 10 percent); not negative.
    pub factor: ExactDecimal,
}

/// Which of the two was greater, with the quantity and price that give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeeBasis {
    /// The minimum.
    Minimum {
        /// Days that are billed.
        days: i128,
        /// Days, priced per month.
        unit: PricingUnit,
        /// Major units per month.
        price: ExactDecimal,
    },
    /// The share of usage spend; also when both are equal.
    Percentage {
        /// Usage spend in nano-units.
        spend: i128,
        /// Nano-units, priced per major unit.
        unit: PricingUnit,
        /// The factor.
        price: ExactDecimal,
    },
}

impl PercentageWithMinimum {
    /// What is charged for `days` billed days of `month` with this usage spend. Errors when an amount does not fit.
    pub fn basis(&self, month: Month, days: u8, spend: Money) -> Result<FeeBasis, MoneyError> {
        let per_month = FlatPrice::pricing_unit(month);
        let per_unit = spend_unit(spend.currency);
        let minimum = exact_product(i128::from(days), self.minimum.price, per_month.size)?;
        let share = exact_product(spend.nanos, self.factor, per_unit.size)?;
        Ok(if share >= minimum {
            FeeBasis::Percentage { spend: spend.nanos, unit: per_unit, price: self.factor }
        } else {
            FeeBasis::Minimum { days: i128::from(days), unit: per_month, price: self.minimum.price }
        })
    }
}

fn spend_unit(currency: Currency) -> PricingUnit {
    PricingUnit {
        base_unit: format!("nano-{currency}"),
        name: format!("{currency} of usage"),
        size: NANOS_PER_UNIT.unsigned_abs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_of_both_is_charged() {
        let fee = PercentageWithMinimum {
            minimum: FlatPrice { price: "500".parse().unwrap() },
            factor: "0.1".parse().unwrap(),
        };
        let usd = Currency::from_code("USD").unwrap();
        let month = "2026-04".parse().unwrap();
        let is_percentage = |days, dollars: i128| {
            let spend = Money::from_nanos(usd, dollars * NANOS_PER_UNIT);
            matches!(fee.basis(month, days, spend).unwrap(), FeeBasis::Percentage { .. })
        };
        assert!(!is_percentage(30, 4_999));
        assert!(is_percentage(30, 5_000));
        assert!(is_percentage(30, 6_000));
        assert!(is_percentage(15, 2_500), "half a month has half the minimum");
        assert!(!is_percentage(15, 2_499));
        assert!(is_percentage(0, 0));
    }
}
