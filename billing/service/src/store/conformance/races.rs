//! Two closers of one month.

use std::collections::BTreeSet;

use billing_core::invoice::{InvoiceContent, InvoiceStatus};

use super::steps::Stopping;
use super::values::{finalize, now, plain, put_draft, run, stored};
use crate::store::{FinalizeWrite, Store};
use crate::test_support::TestDatabase;

/// What a closer does: its steps are transactions.
async fn close(store: &Store, content: &InvoiceContent) -> FinalizeWrite {
    put_draft(store, content).await;
    finalize(store, content, &[]).await
}

/// One of both is the invoice, booked once; who was told that it is issued was told of that one.
async fn check(store: &Store, closers: [&InvoiceContent; 2], answers: &[FinalizeWrite]) {
    let invoice = stored(store, closers[0]).await.unwrap();
    assert_eq!(invoice.status, InvoiceStatus::Finalized);
    assert!(closers.contains(&&invoice.content));
    assert_eq!(store.entries(&invoice.content.id).await.unwrap().len(), 1);
    let mut issued = 0;
    for answer in answers {
        match answer {
            FinalizeWrite::Issued(told) => {
                assert_eq!(**told, invoice);
                issued += 1;
            }
            FinalizeWrite::OtherDraft => {}
            FinalizeWrite::StaleCorrections => panic!("nothing is corrected"),
        }
    }
    assert!(issued > 0, "nobody closed the month");
}

pub(super) async fn two_closers_step_by_step_in_every_order_issue_and_book_once(database: TestDatabase) {
    let first_store = database.open().await;
    let second_store = database.open_beside(&first_store).await;
    // Whose turn it is: both have a draft to write and one to issue.
    let orders: BTreeSet<[usize; 4]> = (0..16_usize)
        .map(|bits| [0, 1, 2, 3].map(|at| bits >> at & 1))
        .filter(|order| order.iter().sum::<usize>() == 2)
        .collect();
    assert_eq!(orders.len(), 6);
    for (number, order) in orders.into_iter().enumerate() {
        let account = format!("acme{number}");
        let closers = [plain(&account, "2026-01", 1), plain(&account, "2026-01", 2)];
        let mut has_draft = [false; 2];
        let mut answers = Vec::new();
        for closer in order {
            let store = [&first_store, &second_store][closer];
            if has_draft[closer] {
                answers.push(finalize(store, &closers[closer], &[]).await);
            } else {
                put_draft(store, &closers[closer]).await;
                has_draft[closer] = true;
            }
        }
        check(&first_store, [&closers[0], &closers[1]], &answers).await;
    }
}

/// The second comes before each step of the first one, waits for it where that holds the account, and both go on.
pub(super) async fn a_closer_that_comes_at_any_moment_of_another_one(database: TestDatabase) {
    let first_store = database.open().await;
    let second_store = database.open_beside(&first_store).await;
    let mut moments = 0;
    for step in 0.. {
        let account = format!("acme{step}");
        let (first, second) = (plain(&account, "2026-01", 1), plain(&account, "2026-01", 2));
        for store in [&first_store, &second_store] {
            store.insert_run(&run(&account, "2026-01", 1), now()).await.unwrap();
        }
        let stopping = Stopping::before(step, &first_store);
        let (closer, content) = (stopping.store.clone(), first.clone());
        let mut one = tokio::spawn(async move { close(&closer, &content).await });
        if !stopping.reached(&mut one).await {
            break;
        }
        moments += 1;
        // About to ask for the account.
        let coming = Stopping::before(0, &second_store);
        let (closer, content) = (coming.store.clone(), second.clone());
        let mut other = tokio::spawn(async move { close(&closer, &content).await });
        assert!(coming.reached(&mut other).await);
        coming.go();
        tokio::task::yield_now().await;
        stopping.go();
        let answers = [one.await.unwrap(), other.await.unwrap()];
        check(&first_store, [&first, &second], &answers).await;
    }
    assert!(moments > 12, "{moments}");
}
