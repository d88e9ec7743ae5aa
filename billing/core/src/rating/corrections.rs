//! Corrections of an invoiced month: the difference between what was invoiced and what a second rating gives.

use std::collections::BTreeMap;

use crate::line::{ChargeKind, InvoiceLine};
use crate::money::MoneyError;
use crate::month::Month;

/// Lines for the next invoice that bring `month` from what `invoiced` says to what `rated_again` says.
///
/// `invoiced` holds every line charged for the month so far, on its own invoice and as corrections on later ones;
/// rounding lines are left alone. Charges are matched by code and unit price, and the difference in quantity is priced
/// as any line is, so a tier that was left for a higher one is taken back at the price at which it was charged. Nothing
/// comes back when nothing changed; invoicing the result and asking again gives nothing. Errors when an amount does not
/// fit.
pub fn corrections(
    month: Month,
    invoiced: &[InvoiceLine],
    rated_again: &[InvoiceLine],
) -> Result<Vec<InvoiceLine>, MoneyError> {
    let mut changes: BTreeMap<(ChargeKind, String, String), (&InvoiceLine, i128)> = BTreeMap::new();
    let signed = invoiced.iter().map(|line| (line, false)).chain(rated_again.iter().map(|line| (line, true)));
    for (line, is_new) in signed.filter(|(line, _)| line.kind != ChargeKind::Rounding) {
        let key = (line.kind, line.code.clone(), line.unit_price.to_string());
        let (_, quantity) = changes.entry(key).or_insert((line, 0));
        *quantity =
            if is_new { quantity.checked_add(line.quantity) } else { quantity.checked_sub(line.quantity) }
                .ok_or(MoneyError::Overflow)?;
    }
    changes
        .into_values()
        .filter(|(_, quantity)| *quantity != 0)
        .map(|(line, quantity)| {
            let original = line.description.trim_start_matches(&prefix(month)).to_owned();
            InvoiceLine {
                description: format!("{}{original}", prefix(month)),
                period: month.into(),
                corrects: Some(month),
                quantity,
                ..line.clone()
            }
            .priced()
        })
        .collect()
}

fn prefix(month: Month) -> String {
    format!("Correction of {month}: ")
}
