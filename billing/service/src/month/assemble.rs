//! From a rating run to an invoice's content: a pure function.

use billing_core::invoice::InvoiceContent;
use billing_core::rate_card::Catalog;
use billing_core::rating::{corrections, rate};

use super::{MonthError, RatingRun};

/// Rates the run's month, and its earlier months again for corrections. The same run and cards give the same content.
pub(super) fn assemble(run: &RatingRun, catalog: &Catalog) -> Result<InvoiceContent, MonthError> {
    let card = catalog.version(&run.rate_card).map_err(MonthError::unratable)?;
    let rated = rate(&run.terms, card, run.month, &run.usage).map_err(MonthError::unratable)?;
    let mut correction_lines = Vec::new();
    for earlier in &run.earlier {
        let card = catalog.version(&earlier.rate_card).map_err(MonthError::unratable)?;
        let again =
            rate(&earlier.terms, card, earlier.month, &earlier.usage).map_err(MonthError::unratable)?;
        let lines =
            corrections(earlier.month, &earlier.invoiced, &again.lines).map_err(MonthError::unratable)?;
        correction_lines.extend(lines);
    }
    InvoiceContent::new(&run.terms, run.month, run.usage_until, &rated, correction_lines, run.forced.clone())
        .map_err(MonthError::unratable)
}
