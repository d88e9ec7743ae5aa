//! What survives.

use super::{MOST, Storage};
use crate::ConditionalPut::{Different, Written};
use bytes::Bytes;

/// Writes, first writes and deletions that were answered.
pub async fn what_was_answered_survives(storage: &dyn Storage) {
    let store = storage.start().await;
    store.put("c/put", Bytes::from_static(b"one")).await.unwrap();
    store.put("c/put", Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(store.put_if_absent("c/once", Bytes::from_static(b"1")).await.unwrap(), Written);
    store.put("c/gone", Bytes::from_static(b"gone")).await.unwrap();
    store.delete("c/gone").await.unwrap();
    let store = storage.start().await;
    assert_eq!(store.get("c/put", MOST).await.unwrap(), Some(Bytes::from_static(b"two")), "a put survives");
    let second = store.put_if_absent("c/once", Bytes::from_static(b"2")).await.unwrap();
    assert_eq!(second, Different, "of two lives the first");
    assert_eq!(store.get("c/once", MOST).await.unwrap(), Some(Bytes::from_static(b"1")));
    assert_eq!(store.list("c/", None, 10).await.unwrap(), ["c/once", "c/put"], "a deletion survives");
}
