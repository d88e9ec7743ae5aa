//! Invoices for people.

use std::fmt::Write;

use atoll_internal_api::billing::v1::Invoice;

use crate::client::table::Table;
use crate::client::time::shown;

/// An invoice: heading, one line per charge, total.
pub(crate) fn invoice(invoice: &Invoice) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "Invoice   {} ({})", invoice.number, invoice.id);
    let _ = writeln!(text, "Account   {} ({})", invoice.account_name, invoice.account_id);
    let _ = writeln!(text, "Month     {}", invoice.month);
    let _ = writeln!(text, "Status    {}", status(invoice));
    let _ = writeln!(
        text,
        "Prices    {} version {}, plan {}",
        invoice.rate_card_id, invoice.rate_card_version, invoice.plan_id
    );
    let _ = writeln!(text, "Usage to  {}", shown(invoice.usage_until.as_ref()));
    if let Some(forced) = &invoice.forced {
        let _ = writeln!(text, "Forced    {}; missing: {}", forced.reason, forced.missing.join("; "));
    }
    let _ = write!(text, "\n{}\n", lines(invoice));
    let _ = writeln!(text, "Total     {} {}", invoice.total, invoice.currency);
    text
}

fn lines(invoice: &Invoice) -> Table {
    let mut table = Table::new(["CHARGE", ">QUANTITY", "PER", ">UNIT PRICE", ">AMOUNT", "DESCRIPTION"]);
    for line in &invoice.lines {
        table.row([
            line.code.clone(),
            line.pricing_quantity.clone(),
            line.pricing_unit.clone(),
            line.unit_price.clone(),
            line.amount.clone(),
            line.description.clone(),
        ]);
    }
    table
}

/// Invoices, one row each.
pub(crate) fn list(invoices: &[Invoice]) -> Table {
    let mut table = Table::new(["INVOICE", "NUMBER", "MONTH", "STATUS", ">TOTAL", "CURRENCY"]);
    for invoice in invoices {
        table.row([
            invoice.id.clone(),
            invoice.number.clone(),
            invoice.month.clone(),
            status(invoice),
            invoice.total.clone(),
            invoice.currency.clone(),
        ]);
    }
    table
}

fn status(invoice: &Invoice) -> String {
    invoice.status().as_str_name().trim_start_matches("INVOICE_STATUS_").to_lowercase()
}

#[cfg(test)]
mod tests {
    use atoll_internal_api::billing::v1::{ForcedClose, InvoiceLine, InvoiceStatus};

    use super::*;

    #[test]
    fn an_invoice_names_quantity_price_and_amount_of_each_charge() {
        let sample = Invoice {
            id: "inv-x1y2z-2026-01".to_owned(),
            status: InvoiceStatus::Finalized as i32,
            currency: "USD".to_owned(),
            total: "12.34".to_owned(),
            lines: vec![InvoiceLine {
                code: "actions.tier-1".to_owned(),
                pricing_quantity: "0.25".to_owned(),
                pricing_unit: "1 million Actions".to_owned(),
                unit_price: "50.00".to_owned(),
                amount: "12.34".to_owned(),
                ..Default::default()
            }],
            forced: Some(ForcedClose { reason: "audit".to_owned(), missing: vec!["cell b".to_owned()] }),
            ..Default::default()
        };
        let text = invoice(&sample);
        for part in [
            "inv-x1y2z-2026-01",
            "finalized",
            "actions.tier-1  ",
            "0.25",
            "1 million Actions",
            "50.00",
            "Total     12.34 USD",
            "audit; missing: cell b",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
