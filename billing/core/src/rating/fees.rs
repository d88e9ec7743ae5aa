//! Lines that do not come from a meter: the plan fee and add-ons.

use super::{AccountTerms, RatingError};
use crate::line::{ChargeKind, InvoiceLine};
use crate::money::{Money, MoneyError};
use crate::month::Month;
use crate::price::{FeeBasis, FlatPrice};
use crate::rate_card::{Plan, RateCard};

/// The plan's fee: the greater of its minimum (for `days` billed days) and its share of `usage_spend`.
pub(super) fn plan_fee(
    plan: &Plan,
    month: Month,
    days: u8,
    usage_spend: Money,
) -> Result<InvoiceLine, MoneyError> {
    let (code, what, quantity, pricing_unit, unit_price) = match plan.fee.basis(month, days, usage_spend)? {
        FeeBasis::Minimum { days, unit, price } => ("plan-fee.minimum", "minimum", days, unit, price),
        FeeBasis::Percentage { spend, unit, price } => {
            ("plan-fee.percentage", "share of usage", spend, unit, price)
        }
    };
    InvoiceLine {
        kind: ChargeKind::PlanFee,
        code: code.to_owned(),
        description: format!("Plan {} - {what}", plan.name),
        period: month.into(),
        corrects: None,
        quantity,
        pricing_unit,
        unit_price,
        amount: Money::zero(usage_spend.currency),
    }
    .priced()
}

/// One line per add-on of the account, in the account's order.
pub(super) fn add_ons(
    terms: &AccountTerms,
    card: &RateCard,
    month: Month,
    days: u8,
) -> Result<Vec<InvoiceLine>, RatingError> {
    terms
        .add_ons
        .iter()
        .map(|id| {
            let add_on = card.add_ons.get(id).ok_or_else(|| RatingError::UnknownAddOn {
                card: card.reference.clone(),
                add_on: id.clone(),
            })?;
            let line = InvoiceLine {
                kind: ChargeKind::AddOn,
                code: format!("add-on.{id}"),
                description: add_on.name.clone(),
                period: month.into(),
                corrects: None,
                quantity: i128::from(days),
                pricing_unit: FlatPrice::pricing_unit(month),
                unit_price: add_on.price.price,
                amount: Money::zero(card.currency),
            };
            Ok(line.priced()?)
        })
        .collect()
}
