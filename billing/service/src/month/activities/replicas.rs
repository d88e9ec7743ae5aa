//! Two processes of billing on one database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use billing_core::ledger::finalization_entry;
use tokio::task::JoinSet;

use super::*;
use crate::Billing;
use crate::month::MonthRunner;
use crate::test_support::{DirectRunner, TestDatabase, World};

const ACCOUNTS: usize = 12;
const MONTHS: [&str; 3] = ["2025-11", "2025-12", "2026-01"];

/// Closers of each month in each process.
const CLOSERS: usize = 2;

/// Months that are closed when one of the processes is dropped.
const CLOSED_BEFORE: usize = 8;

fn account(number: usize) -> String {
    format!("acme{number}")
}

/// Closes every month of every account, all accounts at once, each of them by several; raises `closed` with each month.
fn close_all(billing: &Billing, closed: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut closers = JoinSet::new();
    for number in 0..ACCOUNTS * CLOSERS {
        let (runner, closed) = (DirectRunner(billing.activities()), Arc::clone(closed));
        closers.spawn(async move {
            for month in MONTHS {
                let request = MonthRequest {
                    account_id: account(number / CLOSERS),
                    month: month.parse().unwrap(),
                    force_reason: None,
                };
                loop {
                    match runner.run(request.clone()).await {
                        Ok(_) => break,
                        // Another closer's draft came in between, or usage did.
                        Err(MonthError::Superseded { .. } | MonthError::Unavailable { .. }) => {}
                        Err(other) => panic!("{request}: {other}"),
                    }
                }
                closed.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    closers
}

/// Each month has one invoice, which is what its run is rated to, and one booking.
async fn check(billing: &Billing) {
    let activities = billing.activities();
    for number in 0..ACCOUNTS {
        let invoices = activities.store.invoices(&account(number), None, 99).await.unwrap();
        assert!(invoices.iter().map(|record| record.content.month.to_string()).eq(MONTHS.into_iter().rev()));
        for header in invoices {
            let invoice = activities.store.invoice(&header.content.id).await.unwrap().unwrap();
            assert_eq!(invoice.status, InvoiceStatus::Finalized);
            let run = activities.run(invoice.run_id.as_deref().unwrap()).await.unwrap();
            assert_eq!(assemble(&run, &activities.catalog).unwrap(), invoice.content);
            assert_eq!(invoice.content.hash().to_string(), invoice.content_hash);
            let booked = activities.store.entries(&invoice.content.id).await.unwrap();
            let expected = finalization_entry(&invoice.content).unwrap();
            assert_eq!(booked.len(), 1);
            assert_eq!(booked[0].entry_id, expected.id());
            let amounts = expected.postings().iter().map(|posting| posting.amount);
            assert!(booked[0].postings.iter().map(|posting| posting.amount).eq(amounts));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_database_close_each_month_once_also_where_one_is_dropped() {
    let world = World::on(TestDatabase::postgres()).await;
    for number in 0..ACCOUNTS {
        let (account, namespace) = (account(number), format!("orders.{}", account(number)));
        world.accounts.set(&account, "developer");
        for month in MONTHS {
            let hour = |hour: usize| format!("{month}-10T{hour:02}:00:00Z");
            world.usage.add_actions(&account, &hour(5), &namespace, 10_000 + number as u128);
            // Some reads find more than those before: drafts differ, and replace each other; months are corrected.
            world.usage.add_while_reading(&account, &hour(6), &namespace, 5_000);
        }
    }
    let other = world.another().await.unwrap();
    let closed = Arc::new(AtomicUsize::new(0));
    let (mut staying, mut dropped) = (close_all(&world.billing, &closed), close_all(&other, &closed));
    while closed.load(Ordering::SeqCst) < CLOSED_BEFORE {
        tokio::task::yield_now().await;
    }
    dropped.abort_all();
    let mut in_the_middle = 0;
    while let Some(ended) = dropped.join_next().await {
        in_the_middle += usize::from(ended.is_err_and(|error| error.is_cancelled()));
    }
    assert!(in_the_middle > 0, "the dropped process was not done");
    other.close().await;
    while let Some(ended) = staying.join_next().await {
        ended.unwrap();
    }
    check(&world.billing).await;
    // Who comes later finds it so.
    let later = world.another().await.unwrap();
    let mut again = close_all(&later, &closed);
    while let Some(ended) = again.join_next().await {
        ended.unwrap();
    }
    check(&later).await;
}

#[tokio::test]
async fn a_second_process_on_one_file_is_refused() {
    let world = World::new().await;
    world.close("2026-01").await.unwrap();
    let refused = world.another().await.err().expect("it is refused").to_string();
    assert!(refused.ends_with("billing.db: in use by another process"), "{refused}");
    world.close("2026-01").await.unwrap();
}
