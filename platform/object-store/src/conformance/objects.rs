//! Objects are whole.

use super::{LARGE, MOST, Storage, large};
use crate::ObjectStoreError;
use bytes::Bytes;

/// An absent object is none, also where others have longer names.
pub async fn an_absent_object_is_none(storage: &dyn Storage) {
    let store = storage.start().await;
    assert_eq!(store.get("a/b", MOST).await.unwrap(), None);
    store.put("a/b-c", Bytes::from_static(b"one")).await.unwrap();
    assert_eq!(store.get("a/b", MOST).await.unwrap(), None);
}

/// A put replaces what was there.
pub async fn the_last_put_counts(storage: &dyn Storage) {
    let store = storage.start().await;
    for bytes in ["one", "another", "2"] {
        store.put("a/b", Bytes::from_static(bytes.as_bytes())).await.unwrap();
        assert_eq!(store.get("a/b", MOST).await.unwrap().as_deref(), Some(bytes.as_bytes()));
    }
}

/// A deletion succeeds whether or not the object is there.
pub async fn a_deleted_object_is_gone_however_often_it_is_deleted(storage: &dyn Storage) {
    let store = storage.start().await;
    store.put("a/b", Bytes::from_static(b"one")).await.unwrap();
    store.delete("a/b").await.unwrap();
    assert_eq!(store.get("a/b", MOST).await.unwrap(), None);
    store.delete("a/b").await.unwrap();
    store.delete("never/there").await.unwrap();
}

/// An empty object is there, and can be read by who reads nothing.
pub async fn an_empty_object_is_an_object(storage: &dyn Storage) {
    let store = storage.start().await;
    store.put("empty", Bytes::new()).await.unwrap();
    assert_eq!(store.get("empty", 0).await.unwrap(), Some(Bytes::new()));
    assert_eq!(store.list("", None, 9).await.unwrap(), ["empty"]);
}

/// An object that an engine may write in parts replaces another, and is read as it was written.
pub async fn a_large_object_comes_back_whole(storage: &dyn Storage) {
    let store = storage.start().await;
    for seed in [1, 2] {
        store.put("large", large(seed)).await.unwrap();
        assert!(store.get("large", LARGE).await.unwrap() == Some(large(seed)), "whole and in order");
    }
    assert_eq!(store.list("", None, 9).await.unwrap(), ["large"]);
}

/// The limit is exact, and the error says how large the object is.
pub async fn a_reader_takes_in_no_more_than_it_said(storage: &dyn Storage) {
    let store = storage.start().await;
    store.put("five", Bytes::from_static(b"12345")).await.unwrap();
    assert!(store.get("five", 5).await.unwrap().is_some());
    for most in [0, 4] {
        match store.get("five", most).await {
            Err(ObjectStoreError::TooLarge { key, bytes, most: told }) => {
                assert_eq!((key.as_str(), bytes, told), ("five", 5, most));
            }
            other => panic!("five bytes, and {most} at most: {other:?}"),
        }
    }
    assert!(matches!(store.get("none", 0).await, Ok(None)), "what is not there is not too large");
}
