//! Keys.

use super::{MOST, Storage};
use crate::ObjectStoreError;
use bytes::Bytes;

/// Every call refuses it.
pub async fn what_is_no_path_of_plain_segments_is_refused(storage: &dyn Storage) {
    let store = storage.start().await;
    let invalid = |error| matches!(error, Some(ObjectStoreError::InvalidKey(_)));
    for key in ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.hidden", "a b", "a\\b", "é", &"x".repeat(2000)]
    {
        assert!(invalid(store.put(key, Bytes::new()).await.err()), "put {key:?}");
        assert!(invalid(store.put_if_absent(key, Bytes::new()).await.err()), "put if absent {key:?}");
        assert!(invalid(store.get(key, MOST).await.err()), "get {key:?}");
        assert!(invalid(store.delete(key).await.err()), "delete {key:?}");
    }
    assert!(store.list("", None, 9).await.unwrap().is_empty());
}

/// A prefix of which no key can begin is refused.
pub async fn no_prefix_leads_out_of_the_store(storage: &dyn Storage) {
    let store = storage.start().await;
    for prefix in ["../", "/", "a/../", "a//", ".hidden"] {
        let refused = store.list(prefix, None, 1).await;
        assert!(matches!(refused, Err(ObjectStoreError::InvalidKey(_))), "prefix {prefix:?} must be refused");
    }
}

/// A key may have many segments.
pub async fn a_key_may_have_many_segments(storage: &dyn Storage) {
    let store = storage.start().await;
    let deep = "segment/".repeat(16) + "end";
    store.put(&deep, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(store.list("segment/segment/", None, 9).await.unwrap(), std::slice::from_ref(&deep));
    assert!(store.get(&deep, MOST).await.unwrap().is_some());
}
