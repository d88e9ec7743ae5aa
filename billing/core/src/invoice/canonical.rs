//! Canonical bytes of an invoice's content and their hash.
//!
//! Every field is written as its text with its length in front, lists with their count in front: no two contents share
//! their bytes, and they depend on no serializer. The layout is frozen by a test vector; a change of it is a new
//! [`LAYOUT`].

use std::fmt::{self, Display};

use sha2::{Digest, Sha256};

use super::InvoiceContent;

/// Name of the layout, and its first field.
const LAYOUT: &str = "atoll-invoice-1";

/// SHA-256 of an invoice's canonical bytes; shown as hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Streams fields into the hash.
struct Fields(Sha256);

impl Fields {
    fn text(&mut self, value: impl Display) {
        let text = value.to_string();
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }
}

/// The hash of everything that the invoice says. Its state is not part of it.
pub(super) fn hash(content: &InvoiceContent) -> ContentHash {
    let mut fields = Fields(Sha256::new());
    fields.text(LAYOUT);
    fields.text(&content.id);
    fields.text(&content.number);
    fields.text(&content.account_id);
    fields.text(&content.account_name);
    fields.text(content.month);
    fields.text(content.usage_until);
    fields.text(&content.plan_id);
    fields.text(&content.rate_card.id);
    fields.text(content.rate_card.version);
    fields.text(content.currency);
    fields.count(content.lines.len());
    for line in &content.lines {
        fields.text(line.kind.code());
        fields.text(&line.code);
        fields.text(&line.description);
        fields.text(line.period.start);
        fields.text(line.period.end);
        fields.text(line.corrects.map(|month| month.to_string()).unwrap_or_default());
        fields.text(line.quantity);
        fields.text(&line.pricing_unit.base_unit);
        fields.text(&line.pricing_unit.name);
        fields.text(line.pricing_unit.size);
        fields.text(line.unit_price);
        fields.text(line.amount.nanos);
    }
    fields.count(content.namespace_costs.len());
    for cost in &content.namespace_costs {
        fields.text(&cost.namespace);
        fields.text(cost.meter.code());
        fields.text(cost.quantity);
        fields.text(cost.amount.nanos);
    }
    fields.text(content.total.nanos);
    match &content.forced {
        None => fields.count(0),
        Some(forced) => {
            fields.count(1 + forced.missing.len());
            fields.text(&forced.reason);
            forced.missing.iter().for_each(|missing| fields.text(missing));
        }
    }
    ContentHash(fields.0.finalize().into())
}
