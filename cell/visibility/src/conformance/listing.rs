//! Order and pages.

use super::fixture::{NAMESPACE, closed, compiled, listed, number, open, run, upsert};
use crate::{
    filter::predicate::Predicate,
    record::VisibilityRecord,
    status::ExecutionStatus::{Completed, Failed},
    store::{ListRequest, MAX_PAGE, PAGE_BYTES, Page, PageToken, VisibilityStore},
    value::{Attributes, Value},
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

/// Memos and search attributes may be large: a page holds no more than [`PAGE_BYTES`] of records, or one that is
/// larger.
pub(super) async fn a_page_ends_by_bytes(store: &dyn VisibilityStore) {
    const MIB: usize = 1 << 20;
    let memo = |number, bytes: usize| VisibilityRecord { memo: vec![b'm'; bytes].into(), ..open(number) };
    let attribute = |number, bytes: usize| VisibilityRecord {
        search_attributes: Attributes::from([("MyText".to_owned(), Value::Text("t".repeat(bytes)))]),
        ..open(number)
    };
    let records = [
        memo(9, MIB),
        attribute(8, MIB),
        open(7),
        memo(6, PAGE_BYTES),
        open(5),
        attribute(4, MIB),
        memo(3, MIB),
        memo(2, MIB),
        open(1),
    ];
    upsert(store, &records).await;
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = page(store, &compiled(""), MAX_PAGE, after).await;
        let bytes: usize = page.records.iter().map(VisibilityRecord::page_bytes).sum();
        assert!(bytes <= PAGE_BYTES || page.records.len() == 1, "{bytes} bytes");
        for record in &page.records {
            assert!(records.contains(record), "whole: {}", number(record));
        }
        pages.push(numbers(&page.records));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![9, 8, 7], vec![6], vec![5, 4, 3], vec![2, 1]]);
    // Fewer are asked for than fit.
    assert_eq!(numbers(&page(store, &compiled(""), 2, None).await.records), [9, 8]);
}

pub(super) async fn a_page_holds_as_many_bytes_as_its_limit_says(store: &dyn VisibilityStore) {
    let beside = |number, next| {
        let room = PAGE_BYTES - open(number).page_bytes() - open(next).page_bytes();
        move |more: usize| VisibilityRecord { memo: vec![b'm'; room + more].into(), ..open(number) }
    };
    let records = [beside(4, 3)(0), open(3), beside(2, 1)(1), open(1)];
    let bytes =
        |records: &[VisibilityRecord]| records.iter().map(VisibilityRecord::page_bytes).sum::<usize>();
    assert_eq!((bytes(&records[..2]), bytes(&records[2..])), (PAGE_BYTES, PAGE_BYTES + 1));
    upsert(store, &records).await;
    let first = page(store, &compiled(""), MAX_PAGE, None).await;
    assert_eq!(numbers(&first.records), [4, 3]);
    let second = page(store, &compiled(""), MAX_PAGE, first.next).await;
    assert_eq!(numbers(&second.records), [2]);
    let third = page(store, &compiled(""), MAX_PAGE, second.next).await;
    assert_eq!((numbers(&third.records), third.next), (vec![1], None));
}
