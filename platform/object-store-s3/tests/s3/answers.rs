//! Answers that are lost, late, wrong or broken off.

use super::{Bucket, limits};
use atoll_object_store::ConditionalPut::{Different, Identical, Written};
use atoll_object_store::ObjectStore;
use atoll_object_store_s3::Limits;
use atoll_test_s3::{Fault, Operation};
use bytes::Bytes;
use std::time::Duration;

const SLOW_DOWN: Fault = Fault::Answer(503, "SlowDown");

fn object(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn an_overloaded_service_is_asked_again_and_not_for_ever() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    faults.script(Operation::Put, [SLOW_DOWN, Fault::CutRequest, Fault::Answer(500, "InternalError")]);
    assert_eq!(store.put_if_absent("a", object("1")).await.unwrap(), Written);
    faults.script(Operation::Get, [SLOW_DOWN, SLOW_DOWN]);
    assert_eq!(store.get("a", 9).await.unwrap(), Some(object("1")));
    faults.script(Operation::List, [SLOW_DOWN]);
    assert_eq!(store.list("", None, 9).await.unwrap(), ["a"]);
    faults.always(Operation::Put, SLOW_DOWN);
    let before = faults.seen(Operation::Put);
    let error = store.put("b", object("2")).await.unwrap_err();
    assert_eq!(error.to_string(), "object store: writing b: answered 503 SlowDown");
    assert_eq!(faults.seen(Operation::Put) - before, u64::from(limits().attempts));
    faults.clear();
    assert_eq!(store.get("b", 9).await.unwrap(), None);
}

/// The service has written, and nobody heard: an attempt of the same call finds the object, and so does another call.
#[tokio::test]
async fn a_lost_answer_is_found_out_and_told_from_another_writer() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    for fault in [Fault::Lost, Fault::AnswerAfter(500, "InternalError"), Fault::AnswerAfter(503, "SlowDown")]
    {
        faults.script(Operation::Put, [fault]);
        assert_eq!(store.put_if_absent("once", object("mine")).await.unwrap(), Identical);
        assert_eq!(store.put_if_absent("once", object("mine")).await.unwrap(), Identical);
        assert_eq!(store.put_if_absent("once", object("other")).await.unwrap(), Different);
        assert_eq!(store.get("once", 9).await.unwrap(), Some(object("mine")));
        store.delete("once").await.unwrap();
    }
    let short = bucket.store_within(Limits { attempts: 1, ..limits() }).await;
    faults.script(Operation::Put, [Fault::Lost]);
    short.put_if_absent("once", object("mine")).await.expect_err("its only attempt had no answer");
    assert_eq!(short.put_if_absent("once", object("mine")).await.unwrap(), Identical);
    faults.script(Operation::Put, [Fault::CutRequest]);
    short.put_if_absent("other", object("mine")).await.expect_err("nor had this one");
    assert_eq!(short.put_if_absent("other", object("mine")).await.unwrap(), Written);
    faults.script(Operation::Delete, [Fault::Lost]);
    store.delete("other").await.unwrap();
    assert_eq!(store.get("other", 9).await.unwrap(), None);
}

#[tokio::test]
async fn a_silent_service_is_waited_for_so_long_and_asked_again() {
    let bucket = Bucket::at("").await;
    let attempt = Duration::from_secs(3);
    let store = bucket.store_within(Limits { attempt, attempts: 2, ..limits() }).await;
    let faults = bucket.server.faults();
    faults.script(Operation::Put, [Fault::Silent]);
    assert_eq!(store.put_if_absent("a", object("1")).await.unwrap(), Written);
    faults.script(Operation::Put, [Fault::SilentAfter]);
    assert_eq!(store.put_if_absent("b", object("2")).await.unwrap(), Identical);
    faults.always(Operation::Get, Fault::Silent);
    let error = store.get("a", 9).await.unwrap_err().to_string();
    assert!(error.starts_with("object store: reading a: "), "{error}");
    faults.clear();
    assert_eq!(store.get("a", 9).await.unwrap(), Some(object("1")));
}

/// Neither half an object nor one with another byte is given out.
#[tokio::test]
async fn an_answer_that_breaks_off_or_is_damaged_is_no_object() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    let whole = object("a whole object, and not a part of it");
    store.put("a", whole.clone()).await.unwrap();
    for fault in [Fault::CutAnswer, Fault::Damaged] {
        faults.script(Operation::Get, [fault.clone()]);
        assert_eq!(store.get("a", 99).await.unwrap(), Some(whole.clone()), "read again");
        faults.script(Operation::Get, [fault.clone()]);
        assert_eq!(store.put_if_absent("a", whole.clone()).await.unwrap(), Identical, "compared again");
        faults.always(Operation::Get, fault);
        let error = store.get("a", 99).await.unwrap_err().to_string();
        assert!(error.starts_with("object store: reading a: the object breaks off"), "{error}");
        faults.clear();
    }
    faults.script(Operation::List, [Fault::CutAnswer]);
    assert_eq!(store.list("", None, 9).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn a_write_that_meets_another_is_tried_again() {
    let bucket = Bucket::at("").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    let conflict = Fault::Answer(409, "ConditionalRequestConflict");
    faults.script(Operation::Put, [conflict.clone(), conflict.clone()]);
    assert_eq!(store.put_if_absent("a", object("1")).await.unwrap(), Written);
    faults.always(Operation::Put, conflict);
    let error = store.put_if_absent("b", object("1")).await.unwrap_err().to_string();
    assert_eq!(error, "object store: writing b: another write of the same name is under way");
}

#[tokio::test]
async fn what_is_refused_is_asked_once_and_told() {
    let bucket = Bucket::at("eu").await;
    let store = bucket.store().await;
    let faults = bucket.server.faults();
    let denied = Fault::Answer(403, "AccessDenied");
    faults.script(Operation::Put, [denied.clone()]);
    faults.script(Operation::Get, [denied.clone()]);
    faults.script(Operation::List, [denied.clone()]);
    faults.script(Operation::Delete, [denied]);
    for (error, what) in [
        (store.put("a", object("1")).await.unwrap_err(), "writing eu/a"),
        (store.get("a", 9).await.unwrap_err(), "reading eu/a"),
        (store.list("", None, 9).await.unwrap_err(), "listing eu/"),
        (store.delete("a").await.unwrap_err(), "deleting eu/a"),
    ] {
        assert_eq!(error.to_string(), format!("object store: {what}: AccessDenied: as planned"));
    }
}

/// What stands in the bucket and is no key of the store's: other prefixes, hidden files.
#[tokio::test]
async fn others_objects_are_neither_listed_nor_touched() {
    let bucket = Bucket::at("eu").await;
    let store = bucket.store().await;
    let folder = bucket.server.bucket("bucket");
    for stray in ["us/a", "eu2/a", "eu/.hidden", "eu/with space"] {
        let path = folder.join(stray);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "stray").unwrap();
    }
    store.put("a", object("1")).await.unwrap();
    assert_eq!(store.list("", None, 9).await.unwrap(), ["a"]);
    assert_eq!(store.list("", None, 1).await.unwrap(), ["a"], "what is passed over takes no room");
    assert_eq!(std::fs::read(folder.join("eu/a")).unwrap(), b"1");
}
