//! Issuing and booking.

use std::collections::BTreeMap;

use billing_core::invoice::InvoiceStatus;
use billing_core::ledger::finalization_entry;
use jiff::SignedDuration;

use super::steps::Stopping;
use super::values::{content, correction, finalize, issue, line, month, now, plain, put_draft, run, stored};
use crate::store::{FinalizeWrite, StoreError};
use crate::test_support::TestDatabase;

pub(super) async fn exactly_the_draft_that_was_meant_is_issued(database: TestDatabase) {
    let store = database.open().await;
    let (first, second) = (plain("acme1", "2026-01", 1), plain("acme1", "2026-01", 2));
    assert_eq!(finalize(&store, &first, &[]).await, FinalizeWrite::OtherDraft, "there is none");
    put_draft(&store, &first).await;
    put_draft(&store, &second).await;
    assert_eq!(finalize(&store, &first, &[]).await, FinalizeWrite::OtherDraft);
    assert_eq!(stored(&store, &second).await.unwrap().status, InvoiceStatus::Draft);
    assert!(store.entries(&first.id).await.unwrap().is_empty());
    let FinalizeWrite::Issued(issued) = finalize(&store, &second, &[]).await else { panic!("not issued") };
    assert_eq!((&issued.content, issued.status), (&second, InvoiceStatus::Finalized));
    assert_eq!(issued.finalized_at, Some("2026-02-03T04:05:06.789Z".parse().unwrap()));
    assert_eq!(stored(&store, &second).await, Some(*issued), "as it was answered");
}

pub(super) async fn a_repeat_answers_what_stands_and_books_nothing(database: TestDatabase) {
    let store = database.open().await;
    let january = plain("acme1", "2026-01", 1);
    let issued = issue(&store, &january).await;
    let booked = store.entries(&january.id).await.unwrap();
    assert_eq!(booked.len(), 1);
    let later = now() + SignedDuration::from_hours(1);
    let run_id = store.insert_run(&run("acme1", "2026-01", 1), later).await.unwrap();
    for store in [&store, &database.open_beside(&store).await] {
        store.write_draft(&january, &run_id, later).await.unwrap();
        let again = store.finalize(&january.id, &issued.content_hash, &[], later).await.unwrap();
        assert_eq!(again, FinalizeWrite::Issued(Box::new(issued.clone())));
        let other = store.finalize(&january.id, "another hash", &[], later).await.unwrap();
        assert_eq!(other, FinalizeWrite::Issued(Box::new(issued.clone())));
        assert_eq!(store.entries(&january.id).await.unwrap(), booked);
    }
}

/// The closer is gone before each of its steps: the draft stands and nothing is booked, or both are done.
pub(super) async fn it_stands_whole_or_not_at_all(database: TestDatabase) {
    let store = database.open().await;
    let mut outcomes = Vec::new();
    for step in 0.. {
        let january = plain(&format!("acme{step}"), "2026-01", 5);
        put_draft(&store, &january).await;
        let stopping = Stopping::before(step, &store);
        let (closer, content) = (stopping.store.clone(), january.clone());
        let mut caller = tokio::spawn(async move { finalize(&closer, &content, &[]).await });
        if !stopping.reached(&mut caller).await {
            break;
        }
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        let is_issued = stored(&store, &january).await.unwrap().status == InvoiceStatus::Finalized;
        assert_eq!(store.entries(&january.id).await.unwrap().len(), usize::from(is_issued), "step {step}");
        outcomes.push(is_issued);
        let FinalizeWrite::Issued(issued) = finalize(&store, &january, &[]).await else {
            panic!("not issued after step {step}")
        };
        assert_eq!(issued.content, january);
        assert_eq!(store.entries(&january.id).await.unwrap().len(), 1, "step {step}");
    }
    assert_eq!(outcomes.pop(), Some(true), "gone behind the commit");
    assert!(outcomes.len() >= 7 && outcomes.iter().all(|issued| !issued), "{outcomes:?}");
}

pub(super) async fn a_month_that_was_corrected_elsewhere_is_not_corrected_again(database: TestDatabase) {
    let store = database.open().await;
    let (january, before) = (month("2026-01"), month("2026-02"));
    issue(&store, &plain("acme1", "2026-01", 1)).await;
    let seen = store.issued_months("acme1", january, before).await.unwrap();
    assert_eq!(seen.len(), 1);
    let correcting =
        |of: &str| content("acme1", of, vec![line(month(of), 3), correction(january, 1_000_000)]);
    let (february, march) = (correcting("2026-02"), correcting("2026-03"));
    put_draft(&store, &february).await;
    put_draft(&store, &march).await;
    assert!(matches!(finalize(&store, &february, &seen).await, FinalizeWrite::Issued(_)));
    assert_eq!(finalize(&store, &march, &seen).await, FinalizeWrite::StaleCorrections);
    assert_eq!(stored(&store, &march).await.unwrap().status, InvoiceStatus::Draft);
    assert!(store.entries(&march.id).await.unwrap().is_empty());
    let seen = store.issued_months("acme1", january, before).await.unwrap();
    assert_eq!(seen[0].lines.len(), 3, "with the correction");
    let march = plain("acme1", "2026-03", 3);
    put_draft(&store, &march).await;
    assert!(matches!(finalize(&store, &march, &seen).await, FinalizeWrite::Issued(_)));
}

pub(super) async fn an_issued_invoice_that_is_not_booked_is_no_answer(database: TestDatabase) {
    let store = database.open().await;
    let january = plain("acme1", "2026-01", 1);
    put_draft(&store, &january).await;
    let forged = "UPDATE invoices SET status = 'finalized', finalized_at_ms = 1 WHERE status = 'draft'";
    assert_eq!(database.execute(forged).await, Ok(1));
    let refused = store.finalize(&january.id, &january.hash().to_string(), &[], now()).await;
    assert!(matches!(refused, Err(StoreError::Malformed { what: "journal", .. })), "{refused:?}");
}

pub(super) async fn the_journal_balances(database: TestDatabase) {
    let store = database.open().await;
    for (of, quantities) in [
        ("2026-01", vec![]),
        ("2026-02", vec![i128::from(u64::MAX) * 1_000_000, -7_000_000]),
        ("2026-03", vec![0]),
    ] {
        let lines = quantities.into_iter().map(|quantity| line(month(of), quantity)).collect();
        let invoice = content("acme1", of, lines);
        issue(&store, &invoice).await;
        let expected = finalization_entry(&invoice).unwrap();
        let booked = store.entries(&invoice.id).await.unwrap();
        assert_eq!(booked.len(), 1);
        assert_eq!((&*booked[0].entry_id, &*booked[0].account_id), (expected.id(), "acme1"));
        assert_eq!(booked[0].booked_at, "2026-02-03T04:05:06.789Z".parse().unwrap());
        let mut sums = BTreeMap::new();
        for (posting, expected) in booked[0].postings.iter().zip(expected.postings()) {
            assert_eq!(posting.ledger_account, expected.account.to_string());
            assert_eq!(posting.amount, expected.amount);
            *sums.entry(posting.amount.currency).or_insert(0) += posting.amount.nanos;
        }
        assert_eq!(booked[0].postings.len(), expected.postings().len());
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    }
}
