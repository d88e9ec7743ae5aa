//! What every engine must pass.

use crate::{ObjectStore, ObjectStoreError};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

/// A place that outlives the processes which use it.
#[async_trait]
pub trait Storage: Send + Sync {
    /// A store in it, of a process that starts now: the one before was killed and the machine lost its power.
    async fn start(&self) -> Arc<dyn ObjectStore>;
}

/// Runs the cases of what survives. Panics with the promise that is broken.
pub async fn run_crashes(name: &str, storage: &dyn Storage) {
    println!("object store conformance over crashes: {name}");
    let store = storage.start().await;
    store.put("c/put", Bytes::from_static(b"one")).await.unwrap();
    store.put("c/put", Bytes::from_static(b"two")).await.unwrap();
    assert!(store.put_if_absent("c/once", Bytes::from_static(b"1")).await.unwrap());
    store.put("c/gone", Bytes::from_static(b"gone")).await.unwrap();
    store.delete("c/gone").await.unwrap();
    let store = storage.start().await;
    assert_eq!(store.get("c/put").await.unwrap(), Some(Bytes::from_static(b"two")), "a put survives");
    assert!(
        !store.put_if_absent("c/once", Bytes::from_static(b"2")).await.unwrap(),
        "of two lives the first"
    );
    assert_eq!(store.get("c/once").await.unwrap(), Some(Bytes::from_static(b"1")));
    assert_eq!(store.list("c/", None, 10).await.unwrap(), ["c/once", "c/put"], "a deletion survives");
}

/// Runs the suite on an empty store. Panics with the promise that is broken.
pub async fn run(name: &str, store: &dyn ObjectStore) {
    println!("object store conformance: {name}");
    whole_objects(store).await;
    first_writer_wins(store).await;
    listing(store).await;
    bad_keys(store).await;
}

async fn whole_objects(store: &dyn ObjectStore) {
    assert_eq!(store.get("a/b").await.unwrap(), None, "an absent object is none");
    store.put("a/b", Bytes::from_static(b"one")).await.unwrap();
    store.put("a/b", Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(store.get("a/b").await.unwrap(), Some(Bytes::from_static(b"two")), "the last put counts");
    store.delete("a/b").await.unwrap();
    store.delete("a/b").await.unwrap();
    assert_eq!(store.get("a/b").await.unwrap(), None, "a deleted object is gone");
    store.put("a/empty", Bytes::new()).await.unwrap();
    assert_eq!(store.get("a/empty").await.unwrap(), Some(Bytes::new()), "an empty object is an object");
    store.delete("a/empty").await.unwrap();
}

async fn first_writer_wins(store: &dyn ObjectStore) {
    assert!(store.put_if_absent("once", Bytes::from_static(b"1")).await.unwrap());
    assert!(!store.put_if_absent("once", Bytes::from_static(b"2")).await.unwrap());
    assert_eq!(store.get("once").await.unwrap(), Some(Bytes::from_static(b"1")));
    store.delete("once").await.unwrap();
}

async fn listing(store: &dyn ObjectStore) {
    for key in ["l/2", "l/10", "l/1/x", "lx/1", "m"] {
        store.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    assert_eq!(
        store.list("l/", None, 10).await.unwrap(),
        ["l/1/x", "l/10", "l/2"],
        "byte order, prefix only"
    );
    assert_eq!(store.list("l", None, 10).await.unwrap(), ["l/1/x", "l/10", "l/2", "lx/1"]);
    assert_eq!(store.list("l/", Some("l/1/x"), 1).await.unwrap(), ["l/10"], "after and limit");
    assert!(store.list("nothing/", None, 10).await.unwrap().is_empty());
}

async fn bad_keys(store: &dyn ObjectStore) {
    for key in ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.hidden", "a b", "a\\b", &"x".repeat(2000)] {
        let refused = store.put(key, Bytes::new()).await;
        assert!(matches!(refused, Err(ObjectStoreError::InvalidKey(_))), "{key:?} must be refused");
    }
    for prefix in ["../", "/", "a/../", "a//"] {
        let refused = store.list(prefix, None, 1).await;
        assert!(matches!(refused, Err(ObjectStoreError::InvalidKey(_))), "prefix {prefix:?} must be refused");
    }
}
