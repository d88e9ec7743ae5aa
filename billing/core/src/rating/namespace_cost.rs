//! Usage cost by namespace: each meter's cost split in proportion to metered quantity, that is at the effective price
//! after allotment and tiers.

use serde::{Deserialize, Serialize};

use crate::line::{ChargeKind, InvoiceLine};
use crate::money::{Currency, Money, MoneyError, split_by_largest_remainder};
use crate::usage::{Meter, MeteredUsage};

/// What one namespace's usage of one meter cost. Plan fee, add-ons, corrections and rounding belong to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceCost {
    /// The namespace.
    pub namespace: String,
    /// The meter.
    pub meter: Meter,
    /// How much it used, in the meter's base unit.
    #[serde(with = "crate::integer_text")]
    pub quantity: u128,
    /// Its share of the meter's cost.
    pub amount: Money,
}

/// Splits the cost of each meter's lines; the parts of a meter sum to its lines exactly.
pub(super) fn split(
    currency: Currency,
    lines: &[InvoiceLine],
    usage: &MeteredUsage,
) -> Result<Vec<NamespaceCost>, MoneyError> {
    let mut costs = Vec::new();
    for meter in Meter::ALL {
        let of_meter = lines.iter().filter(|line| line.kind == ChargeKind::Usage(meter));
        let total = Money::sum(currency, of_meter.map(|line| line.amount))?;
        let by_namespace = usage.by_namespace(meter);
        let weights: Vec<u128> = by_namespace.values().copied().collect();
        let parts = split_by_largest_remainder(total.nanos, &weights).ok_or(MoneyError::Overflow)?;
        costs.extend(by_namespace.into_iter().zip(parts).map(|((namespace, quantity), nanos)| {
            NamespaceCost {
                namespace: namespace.to_owned(),
                meter,
                quantity,
                amount: Money::from_nanos(currency, nanos),
            }
        }));
    }
    Ok(costs)
}
