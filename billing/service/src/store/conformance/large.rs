//! Large invoices.

use billing_core::rating::NamespaceCost;

use super::values::{content, issue, line, month, stored};
use crate::test_support::TestDatabase;

const LINES: i128 = 100_000;

pub(super) async fn an_invoice_of_a_hundred_thousand_lines(database: TestDatabase) {
    let store = database.open().await;
    let january = month("2026-01");
    let mut invoice = content("acme1", "2026-01", (0..LINES).map(|count| line(january, count)).collect());
    let cost = invoice.namespace_costs[0].clone();
    let costs = (0..20_000).map(|n| NamespaceCost { namespace: format!("orders-{n}"), ..cost.clone() });
    invoice.namespace_costs = costs.collect();
    let issued = issue(&store, &invoice).await;
    assert_eq!(stored(&store, &invoice).await, Some(issued));
}
