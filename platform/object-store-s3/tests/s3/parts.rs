//! Objects in parts, of which something fails.

use super::{Bucket, limits};
use atoll_object_store::ConditionalPut::{Different, Identical, Written};
use atoll_object_store::ObjectStore;
use atoll_object_store_s3::Limits;
use atoll_test_s3::{Fault, Operation};
use bytes::Bytes;

const INTERNAL: Fault = Fault::Answer(500, "InternalError");

/// Three parts.
fn large(byte: u8) -> Bytes {
    Bytes::from(vec![byte; 2 * Limits::LEAST_PART_BYTES + 100])
}

fn is(read: Option<Bytes>, expected: &Bytes) -> bool {
    read.as_ref() == Some(expected)
}

#[tokio::test]
async fn a_part_that_fails_once_is_sent_again() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    faults.script(Operation::Begin, [INTERNAL]);
    faults.script(Operation::Part, [Fault::None, INTERNAL, Fault::CutRequest, Fault::Lost]);
    faults.script(Operation::Complete, [INTERNAL]);
    assert_eq!(store.put_if_absent("a", large(1)).await.unwrap(), Written);
    assert!(is(store.get("a", large(1).len()).await.unwrap(), &large(1)));
    assert_eq!(faults.seen(Operation::Part), 3 + 3);
}

/// Nothing of it is seen, what stood stands, and its parts are gone.
#[tokio::test]
async fn an_upload_that_fails_in_the_middle_leaves_nothing() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    store.put("stands", Bytes::from_static(b"before")).await.unwrap();
    for operation in [Operation::Part, Operation::Complete] {
        for key in ["new", "stands"] {
            faults.script(operation, [Fault::None].into_iter().filter(|_| operation == Operation::Part));
            faults.always(operation, INTERNAL);
            let error = store.put(key, large(2)).await.unwrap_err();
            assert_eq!(error.to_string(), format!("object store: writing {key}: answered 500 InternalError"));
            faults.clear();
            assert_eq!(store.list("", None, 9).await.unwrap(), ["stands"]);
            assert!(is(store.get("stands", 99).await.unwrap(), &Bytes::from_static(b"before")));
            assert_eq!(bucket.server.leftovers(), [""; 0]);
        }
    }
    store.put("stands", large(3)).await.unwrap();
    assert!(is(store.get("stands", large(3).len()).await.unwrap(), &large(3)));
}

/// The object stands, and the upload that made it is no more when the last request is repeated.
#[tokio::test]
async fn a_lost_answer_to_the_last_request_is_found_out() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    for fault in [Fault::Lost, Fault::AnswerAfter(500, "InternalError")] {
        faults.script(Operation::Complete, [fault.clone()]);
        store.put("put", large(1)).await.unwrap();
        assert!(is(store.get("put", large(1).len()).await.unwrap(), &large(1)));
        store.delete("put").await.unwrap();
        faults.script(Operation::Complete, [fault]);
        assert_eq!(store.put_if_absent("once", large(1)).await.unwrap(), Identical);
        assert_eq!(store.put_if_absent("once", large(2)).await.unwrap(), Different);
        assert!(is(store.get("once", large(1).len()).await.unwrap(), &large(1)));
        store.delete("once").await.unwrap();
    }
    assert_eq!(bucket.server.leftovers(), [""; 0]);
}

/// Both are on their way at once: the condition is judged when the object would be seen.
#[tokio::test]
async fn an_object_that_came_meanwhile_stays() {
    let bucket = Bucket::at("").await;
    let (store, other) = (bucket.store().await, bucket.store().await);
    let (first, second) = (store.put_if_absent("once", large(1)), other.put_if_absent("once", large(2)));
    let (first, second) = tokio::join!(first, second);
    let mut both = [(first.unwrap(), large(1)), (second.unwrap(), large(2))];
    both.sort_by_key(|(put, _)| *put != Written);
    assert_eq!((both[0].0, both[1].0), (Written, Different));
    assert!(is(store.get("once", large(1).len()).await.unwrap(), &both[0].1));
    assert_eq!(bucket.server.leftovers(), [""; 0]);
}

/// A conflict at the end means that all parts are sent again.
#[tokio::test]
async fn a_conflict_at_the_end_begins_again() {
    let bucket = Bucket::at("").await;
    let store = bucket.store_within(limits()).await;
    let faults = bucket.server.faults();
    faults.script(Operation::Complete, [Fault::Answer(409, "ConditionalRequestConflict")]);
    assert_eq!(store.put_if_absent("once", large(1)).await.unwrap(), Written);
    assert_eq!((faults.seen(Operation::Begin), faults.seen(Operation::Abort)), (2, 1));
    assert_eq!(bucket.server.leftovers(), [""; 0]);
}

/// The parts stay, which the log says; what was to be written is not seen.
#[tokio::test]
async fn parts_that_cannot_be_removed_are_in_nobodys_way() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    faults.always(Operation::Part, INTERNAL);
    faults.always(Operation::Abort, INTERNAL);
    store.put("a", large(1)).await.unwrap_err();
    faults.clear();
    assert_eq!(store.list("", None, 9).await.unwrap(), [""; 0]);
    assert_eq!(store.put_if_absent("a", large(2)).await.unwrap(), Written);
}
