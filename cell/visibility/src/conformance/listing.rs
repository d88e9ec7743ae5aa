//! Order and pages.

use super::fixture::{NAMESPACE, closed, compiled, listed, number, open, run, upsert};
use crate::{
    filter::predicate::Predicate,
    record::VisibilityRecord,
    status::ExecutionStatus::{Completed, Failed},
    store::{ListRequest, Page, PageToken, VisibilityStore},
};

async fn page(
    store: &dyn VisibilityStore,
    predicate: &Predicate,
    page_size: usize,
    after: Option<PageToken>,
) -> Page {
    let request = ListRequest { namespace_id: NAMESPACE, predicate, page_size, after };
    store.list(request).await.expect("lists")
}

fn numbers(records: &[VisibilityRecord]) -> Vec<u128> {
    records.iter().map(number).collect()
}

/// A few of each kind, with equal times among them. Starts are the numbers, so 9 closed at 10 and 4 at 8.
fn some() -> Vec<VisibilityRecord> {
    let twin = |number, of: VisibilityRecord| VisibilityRecord { id: run(number), ..of };
    vec![
        open(1),
        open(3),
        closed(4, 4, Completed),
        closed(5, 3, Failed),
        closed(9, 1, Completed),
        twin(20, open(3)),
        twin(21, closed(5, 3, Completed)),
    ]
}

const IN_ORDER: [u128; 7] = [3, 20, 1, 9, 5, 21, 4];

pub(super) async fn open_runs_come_first_then_the_last_closed(store: &dyn VisibilityStore) {
    upsert(store, &some()).await;
    assert_eq!(numbers(&listed(store, &compiled("")).await), IN_ORDER);
}

pub(super) async fn pages_cover_everything_once(store: &dyn VisibilityStore) {
    upsert(store, &some()).await;
    for size in 1..=8 {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = page(store, &compiled(""), size, after).await;
            seen.extend(numbers(&page.records));
            // Tokens go through clients.
            after = page.next.and_then(|token| PageToken::decode(&token.encode()));
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, IN_ORDER, "pages of {size}");
    }
    let completed = compiled("ExecutionStatus = 'Completed'");
    let first = page(store, &completed, 2, None).await;
    let second = page(store, &completed, 2, first.next).await;
    assert_eq!((numbers(&first.records), numbers(&second.records)), (vec![9, 21], vec![4]));
}

pub(super) async fn a_full_page_has_a_token_and_another_none(store: &dyn VisibilityStore) {
    upsert(store, &some()).await;
    let full = page(store, &compiled(""), 7, None).await;
    assert_eq!(full.next, full.records.last().map(PageToken::of));
    assert_eq!(page(store, &compiled(""), 7, full.next).await, Page::default());
    assert_eq!(page(store, &compiled(""), 8, None).await.next, None);
}

pub(super) async fn closing_moves_a_record(store: &dyn VisibilityStore) {
    upsert(store, &some()).await;
    upsert(store, &[closed(3, 100, Failed)]).await;
    assert_eq!(numbers(&listed(store, &compiled("")).await), [20, 1, 3, 9, 5, 21, 4]);
}
