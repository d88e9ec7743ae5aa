//! A fixed price per month, by the day in a month that is not billed whole.

use crate::line::PricingUnit;
use crate::money::ExactDecimal;
use crate::month::Month;

/// A fixed price per month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatPrice {
    /// Major units per month; not negative.
    pub price: ExactDecimal,
}

impl FlatPrice {
    /// The unit of its lines: quantities in days, the price per whole month, so that a partial month is prorated
    /// exactly.
    pub fn pricing_unit(month: Month) -> PricingUnit {
        PricingUnit { base_unit: "day".to_owned(), name: "month".to_owned(), size: u128::from(month.days()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::exact_product;

    #[test]
    fn a_whole_month_costs_its_price_whatever_its_length() {
        let flat = FlatPrice { price: "500".parse().unwrap() };
        for month in ["2026-01", "2026-02", "2028-02", "2026-04"] {
            let month: Month = month.parse().unwrap();
            let unit = FlatPrice::pricing_unit(month);
            let amount = |days: u8| exact_product(i128::from(days), flat.price, unit.size).unwrap();
            assert_eq!(amount(month.days()), 500_000_000_000);
            assert_eq!(amount(0), 0);
        }
        let january = FlatPrice::pricing_unit("2026-01".parse().unwrap());
        assert_eq!(
            exact_product(10, flat.price, january.size),
            Ok(161_290_322_581),
            "500 * 10 / 31, rounded once"
        );
    }
}
