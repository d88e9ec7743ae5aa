//! From charges to a payable total.

use super::RatedMonth;
use crate::line::{ChargeKind, InvoiceLine, PricingUnit};
use crate::money::{ExactDecimal, Money, MoneyError, NANOS_PER_UNIT, round_to_minor_unit};
use crate::month::Month;

/// All lines of an invoice and what they sum to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotalledLines {
    /// Charges, corrections, rounding.
    pub lines: Vec<InvoiceLine>,
    /// Their sum: a whole number of minor units.
    pub total: Money,
}

/// Adds correction lines of earlier months and, where the exact sum is not a whole number of minor units, the one
/// rounding line that makes it so. Errors when a sum does not fit.
pub fn with_corrections_and_rounding(
    rated: &RatedMonth,
    corrections: Vec<InvoiceLine>,
    month: Month,
) -> Result<TotalledLines, MoneyError> {
    let currency = rated.usage_spend.currency;
    let mut lines = rated.lines.clone();
    lines.extend(corrections);
    let exact = Money::sum(currency, lines.iter().map(|line| line.amount))?;
    let total = round_to_minor_unit(exact)?;
    let difference = total.nanos.checked_sub(exact.nanos).ok_or(MoneyError::Overflow)?;
    if difference != 0 {
        lines.push(rounding_line(Money::from_nanos(currency, difference), month));
    }
    Ok(TotalledLines { lines, total })
}

/// Quantity in nano-units at a price of one, so that the rule for amounts holds for this line too.
fn rounding_line(difference: Money, month: Month) -> InvoiceLine {
    let currency = difference.currency;
    InvoiceLine {
        kind: ChargeKind::Rounding,
        code: ChargeKind::Rounding.code().to_owned(),
        description: format!(
            "Rounding to {} {currency}",
            Money::from_nanos(currency, currency.nanos_per_minor_unit()).to_decimal_string()
        ),
        period: month.into(),
        corrects: None,
        quantity: difference.nanos,
        pricing_unit: PricingUnit {
            base_unit: format!("nano-{currency}"),
            name: currency.code().to_owned(),
            size: NANOS_PER_UNIT.unsigned_abs(),
        },
        unit_price: ExactDecimal::from_nanos(NANOS_PER_UNIT),
        amount: difference,
    }
}
