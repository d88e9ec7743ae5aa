//! A standby that commits wait for and that is away: nothing is answered that a failover would take back.

use std::time::Duration;

use atoll_test_postgres::{Server, Settings};

use super::{open, options};
use crate::store::conformance::values::{now, plain, run};
use crate::store::{DraftWrite, FinalizeWrite, StoreError};

fn waited<T: std::fmt::Debug>(what: &str, answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{what}: {answer:?}");
}

#[tokio::test]
async fn nothing_is_answered_of_what_no_standby_has() {
    let server = Server::start(&Settings::default());
    let mut options = options(server.url(&server.database()));
    options.limits.call = Duration::from_secs(1);
    let store = open(options).await;
    let (january, of_january) = (plain("acme1", "2026-01", 7), run("acme1", "2026-01", 1));
    let hash = january.hash().to_string();
    let run_id = store.insert_run(&of_january, now()).await.unwrap();
    store.write_draft(&january, &run_id, now()).await.unwrap();

    server.set("synchronous_standby_names", "away");
    let another = run("acme1", "2026-01", 2);
    for attempt in ["a run", "the same run"] {
        waited(attempt, store.insert_run(&another, now()).await);
    }
    waited("another draft is meant", store.finalize(&january.id, "another hash", &[], now()).await);
    // The first one's commit is seen by everybody when the next call has had its session ended.
    for attempt in ["a finalization", "the same again"] {
        waited(attempt, store.finalize(&january.id, &hash, &[], now()).await);
    }
    waited("a draft of an issued month", store.write_draft(&january, &run_id, now()).await);
    waited("an invoice", store.invoice(&january.id).await);
    waited("its header", store.invoice_header(&january.id).await);
    waited("a list", store.invoices("acme1", None, 9).await);
    waited("months", store.issued_months("acme1", january.month, january.month.next()).await);

    server.set("synchronous_standby_names", "");
    let FinalizeWrite::Issued(issued) = store.finalize(&january.id, &hash, &[], now()).await.unwrap() else {
        panic!("not issued")
    };
    let again = store.write_draft(&january, &run_id, now()).await.unwrap();
    assert_eq!(again, DraftWrite::AlreadyIssued(issued.clone()));
    assert_eq!(store.invoice(&january.id).await.unwrap(), Some(*issued));
    assert_eq!(store.entries(&january.id).await.unwrap().len(), 1, "booked once");
}
