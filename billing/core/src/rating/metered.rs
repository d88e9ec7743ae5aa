//! Lines for metered usage: the allotment first, then what lies above it by the plan's price model.

use crate::line::{ChargeKind, InvoiceLine};
use crate::money::{ExactDecimal, Money, MoneyError};
use crate::month::Month;
use crate::price::PricedQuantity;
use crate::rate_card::{Plan, RateCard};
use crate::usage::{Meter, MeteredUsage};

/// The usage lines of a month, in the order of meters and tiers.
pub(super) fn usage_lines(
    card: &RateCard,
    plan: &Plan,
    month: Month,
    usage: &MeteredUsage,
) -> Result<Vec<InvoiceLine>, MoneyError> {
    let mut lines = Vec::new();
    for (meter, price) in &plan.prices {
        let quantity = usage.total(*meter);
        let included = quantity.min(price.included);
        if included > 0 {
            let part = PricedQuantity { tier: None, quantity: included, unit_price: ExactDecimal::ZERO };
            let title = format!("{} - Included", meter.title());
            lines.push(line(card, *meter, month, &part, format!("{}.included", meter.code()), title)?);
        }
        for part in price.model.split(quantity - included) {
            let (code, title) = match part.tier {
                Some(tier) => {
                    (format!("{}.tier-{tier}", meter.code()), format!("{} - Tier {tier}", meter.title()))
                }
                None => (meter.code().to_owned(), meter.title().to_owned()),
            };
            lines.push(line(card, *meter, month, &part, code, title)?);
        }
    }
    Ok(lines)
}

fn line(
    card: &RateCard,
    meter: Meter,
    month: Month,
    part: &PricedQuantity,
    code: String,
    description: String,
) -> Result<InvoiceLine, MoneyError> {
    InvoiceLine {
        kind: ChargeKind::Usage(meter),
        code,
        description,
        period: month.into(),
        corrects: None,
        quantity: i128::try_from(part.quantity).map_err(|_| MoneyError::Overflow)?,
        pricing_unit: card.units.pricing_unit(meter),
        unit_price: part.unit_price,
        amount: Money::zero(card.currency),
    }
    .priced()
}
