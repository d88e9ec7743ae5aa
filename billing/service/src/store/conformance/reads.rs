//! Reads: in order, a page at a time, of one moment.

use billing_core::invoice::InvoiceStatus;
use billing_core::line::InvoiceLine;

use super::values::{content, correction, issue, line, month, plain, put_draft, usd};
use crate::store::engine::Page;
use crate::test_support::TestDatabase;

pub(super) async fn invoices_are_listed_newest_first_page_by_page(database: TestDatabase) {
    let store = database.open().await;
    let months = ["2025-09", "2025-10", "2025-12", "2026-01", "2026-10"];
    for of in ["2026-01", "2025-09", "2026-10", "2025-12", "2025-10"] {
        put_draft(&store, &plain("acme1", of, 1)).await;
        // Others' are beside them.
        put_draft(&store, &plain("acme", of, 1)).await;
        put_draft(&store, &plain("acme10", of, 1)).await;
    }
    issue(&store, &plain("acme1", "2025-12", 1)).await;
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = store.invoices("acme1", before, 2).await.unwrap();
        assert!(page.len() <= 2 && page.iter().all(|record| record.content.lines.is_empty()));
        let Some(last) = page.last() else { break };
        before = Some(last.content.month);
        found.extend(page);
    }
    assert!(found.iter().map(|record| record.content.month.to_string()).eq(months.into_iter().rev()));
    assert!(found.iter().all(|record| record.content.account_id == "acme1"));
    let issued = found.iter().filter(|record| record.status == InvoiceStatus::Finalized);
    assert!(issued.map(|record| record.content.month.to_string()).eq(["2025-12"]));
    assert!(store.invoices("acme1", None, 0).await.unwrap().is_empty());
    assert!(store.invoices("nobody", None, 9).await.unwrap().is_empty());
}

pub(super) async fn rows_are_read_in_order_of_their_positions(database: TestDatabase) {
    let store = database.open().await;
    let january = month("2026-01");
    // Ten and more: as text they would be in another order.
    let written = content("acme1", "2026-01", (0..23).map(|count| line(january, count)).collect());
    put_draft(&store, &written).await;
    let mut snapshot = store.engine.snapshot().await.unwrap();
    let mut found = Vec::new();
    for from in (0..).step_by(5) {
        let page = snapshot.lines(&written.id, usd(), Page { from, limit: 5 }).await.unwrap();
        assert!(page.len() <= 5);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, written.lines);
    let costs = snapshot.namespace_costs(&written.id, usd(), Page { from: 1, limit: 5 }).await.unwrap();
    assert_eq!(costs, written.namespace_costs[1..]);
    snapshot.confirm().await.unwrap();
}

pub(super) async fn corrections_are_those_of_issued_invoices_in_order(database: TestDatabase) {
    let store = database.open().await;
    let january = month("2026-01");
    let with = |of: &str, corrections: &[i128]| {
        let mut lines = vec![line(month(of), 1)];
        lines.extend(corrections.iter().map(|quantity| correction(january, *quantity)));
        lines.push(correction(month("2025-12"), 77));
        content("acme1", of, lines)
    };
    issue(&store, &plain("acme1", "2026-01", 1)).await;
    issue(&store, &with("2026-03", &[30, 31])).await;
    issue(&store, &with("2026-02", &[20, 21, 22])).await;
    put_draft(&store, &with("2026-04", &[40])).await;
    issue(&store, &with("2026-05", &[50])).await;
    let void = "UPDATE invoices SET status = 'void' WHERE month = '2026-05'";
    assert_eq!(database.execute(void).await, Ok(1));
    let quantities = |lines: &[InvoiceLine]| lines.iter().map(|line| line.quantity).collect::<Vec<_>>();
    let months = store.issued_months("acme1", january, month("2026-03")).await.unwrap();
    assert_eq!(months.len(), 2);
    assert_eq!(quantities(&months[0].lines), [1, 1_000_000, 20, 21, 22, 30, 31]);
    assert_eq!(quantities(&months[1].lines), [1], "its corrections of others belong to those");
    let mut snapshot = store.engine.snapshot().await.unwrap();
    let mut behind = (january, i64::MAX);
    let mut found = Vec::new();
    loop {
        let page = snapshot.correction_lines("acme1", january, usd(), behind, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        behind = last.place;
        found.extend(page.into_iter().map(|correction| correction.line.quantity));
    }
    assert_eq!(found, [20, 21, 22, 30, 31]);
    snapshot.confirm().await.unwrap();
}

pub(super) async fn a_read_is_of_one_moment_while_a_writer_writes(database: TestDatabase) {
    let store = database.open().await;
    let beside = database.open_beside(&store).await;
    let (before, after) = (plain("acme1", "2026-01", 1), plain("acme1", "2026-01", 2));
    put_draft(&store, &before).await;
    let mut snapshot = store.engine.snapshot().await.unwrap();
    let header = snapshot.header(&before.id).await.unwrap().unwrap();
    assert_eq!(header.content_hash, before.hash().to_string());
    issue(&beside, &after).await;
    let page = Page { from: 0, limit: 9 };
    assert_eq!(snapshot.lines(&before.id, usd(), page).await.unwrap(), before.lines);
    assert_eq!(snapshot.header(&before.id).await.unwrap(), Some(header));
    assert!(snapshot.entries(&before.id).await.unwrap().is_empty());
    snapshot.confirm().await.unwrap();
    let mut snapshot = store.engine.snapshot().await.unwrap();
    assert_eq!(snapshot.lines(&before.id, usd(), page).await.unwrap(), after.lines);
    assert_eq!(snapshot.entries(&before.id).await.unwrap().len(), 1);
    snapshot.confirm().await.unwrap();
}
