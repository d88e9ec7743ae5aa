//! One price for every unit.

use super::PricedQuantity;
use crate::money::ExactDecimal;

/// The same price for the whole quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPrice {
    /// Major units per pricing unit; not negative.
    pub price: ExactDecimal,
}

impl UnitPrice {
    /// The quantity in one part; nothing for nothing.
    pub(super) fn split(&self, quantity: u128) -> Vec<PricedQuantity> {
        if quantity == 0 {
            return Vec::new();
        }
        vec![PricedQuantity { tier: None, quantity, unit_price: self.price }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_one_price() {
        let unit = UnitPrice { price: "0.042".parse().unwrap() };
        assert_eq!(unit.split(0), vec![]);
        assert_eq!(unit.split(9), vec![PricedQuantity { tier: None, quantity: 9, unit_price: unit.price }]);
    }
}
