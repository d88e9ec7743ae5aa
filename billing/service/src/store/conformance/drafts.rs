//! Drafts.

use billing_core::invoice::InvoiceStatus;

use super::steps::Stopping;
use super::values::{content, correction, finalize, issue, line, month, now, plain, put_draft, run, stored};
use crate::store::{DraftWrite, FinalizeWrite, InvoiceRecord};
use crate::test_support::TestDatabase;

pub(super) async fn a_draft_comes_back_as_it_was_written(database: TestDatabase) {
    let store = database.open().await;
    let january = month("2026-01");
    let lines = vec![
        line(january, i128::MAX),
        line(january, i128::MIN),
        line(january, 0),
        correction(month("2025-12"), -1),
    ];
    let written = content("acme1", "2026-01", lines);
    assert_eq!(stored(&store, &written).await, None);
    assert_eq!(put_draft(&store, &written).await, DraftWrite::Written);
    let expected = InvoiceRecord {
        content_hash: written.hash().to_string(),
        content: written.clone(),
        status: InvoiceStatus::Draft,
        run_id: Some(store.insert_run(&run("acme1", "2026-01", 1), now()).await.unwrap()),
        finalized_at: None,
    };
    assert_eq!(stored(&store, &written).await, Some(expected.clone()));
    assert_eq!(put_draft(&store, &written).await, DraftWrite::Written, "again");
    assert_eq!(stored(&store, &written).await, Some(expected));
}

pub(super) async fn a_replaced_draft_leaves_nothing_behind(database: TestDatabase) {
    let store = database.open().await;
    let january = month("2026-01");
    let long = content("acme1", "2026-01", (1..=9).map(|count| line(january, count)).collect());
    let mut short = content("acme1", "2026-01", vec![line(january, 10)]);
    short.namespace_costs.truncate(1);
    short.forced = None;
    for draft in [&long, &short, &long] {
        put_draft(&store, draft).await;
        assert_eq!(stored(&store, draft).await.unwrap().content, *draft);
    }
}

/// A writer is gone before each of its steps: the earlier draft stands, or the later one does.
pub(super) async fn a_draft_is_in_as_a_whole_or_not_at_all(database: TestDatabase) {
    let store = database.open().await;
    let (before, after) = (plain("acme1", "2026-01", 1), plain("acme1", "2026-01", 2));
    let run_id = store.insert_run(&run("acme1", "2026-01", 1), now()).await.unwrap();
    let mut outcomes = Vec::new();
    for step in 0.. {
        put_draft(&store, &before).await;
        let stopping = Stopping::before(step, &store);
        let (writer, content, run_id) = (stopping.store.clone(), after.clone(), run_id.clone());
        let mut caller = tokio::spawn(async move { writer.write_draft(&content, &run_id, now()).await });
        if !stopping.reached(&mut caller).await {
            break;
        }
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        let found = stored(&store, &before).await.unwrap().content;
        assert!(found == before || found == after, "step {step}");
        outcomes.push(found == after);
        put_draft(&store, &after).await;
        assert_eq!(stored(&store, &after).await.unwrap().content, after, "step {step}");
    }
    let committed = outcomes.pop();
    assert_eq!(committed, Some(true), "gone behind the commit");
    assert!(outcomes.len() >= 6 && outcomes.iter().all(|stands| !stands), "{outcomes:?}");
}

pub(super) async fn an_issued_month_takes_no_draft(database: TestDatabase) {
    let store = database.open().await;
    let (first, other) = (plain("acme1", "2026-01", 1), plain("acme1", "2026-01", 2));
    let issued = issue(&store, &first).await;
    for draft in [&first, &other] {
        assert_eq!(put_draft(&store, draft).await, DraftWrite::AlreadyIssued(Box::new(issued.clone())));
    }
    assert_eq!(finalize(&store, &other, &[]).await, FinalizeWrite::Issued(Box::new(issued.clone())));
    assert_eq!(stored(&store, &first).await, Some(issued));
}
