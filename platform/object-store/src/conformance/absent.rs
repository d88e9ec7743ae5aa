//! Writes that replace nothing.

use super::{LARGE, MOST, Storage, large};
use crate::ConditionalPut::{Different, Identical, Written};
use bytes::Bytes;
use std::sync::Arc;

/// What stands stays, whether the second object is longer, shorter or of the same length.
pub async fn the_first_writer_wins(storage: &dyn Storage) {
    let store = storage.start().await;
    assert_eq!(store.put_if_absent("once", Bytes::from_static(b"first")).await.unwrap(), Written);
    for other in ["other", "", "first and more", "fir"] {
        let put = store.put_if_absent("once", Bytes::from_static(other.as_bytes())).await.unwrap();
        assert_eq!(put, Different, "{other:?}");
    }
    assert_eq!(store.get("once", MOST).await.unwrap(), Some(Bytes::from_static(b"first")));
}

/// As after an answer that was lost.
pub async fn a_repeat_finds_its_own_object(storage: &dyn Storage) {
    for bytes in [Bytes::from_static(b"mine"), Bytes::new()] {
        let store = storage.start().await;
        let key = format!("once/{}", bytes.len());
        assert_eq!(store.put_if_absent(&key, bytes.clone()).await.unwrap(), Written);
        assert_eq!(store.put_if_absent(&key, bytes.clone()).await.unwrap(), Identical);
        let later = storage.start().await;
        assert_eq!(later.put_if_absent(&key, bytes).await.unwrap(), Identical, "of another process");
    }
}

/// So does one that an engine may write in parts.
pub async fn a_large_object_replaces_nothing(storage: &dyn Storage) {
    let store = storage.start().await;
    assert_eq!(store.put_if_absent("large", large(1)).await.unwrap(), Written);
    assert_eq!(store.put_if_absent("large", large(2)).await.unwrap(), Different);
    assert_eq!(store.put_if_absent("large", large(1)).await.unwrap(), Identical);
    assert!(store.get("large", LARGE).await.unwrap() == Some(large(1)));
    assert_eq!(store.put_if_absent("large", Bytes::from_static(b"small")).await.unwrap(), Different);
    store.put("small", Bytes::from_static(b"small")).await.unwrap();
    assert_eq!(store.put_if_absent("small", large(1)).await.unwrap(), Different);
    assert_eq!(store.get("small", MOST).await.unwrap(), Some(Bytes::from_static(b"small")));
}

/// One has written, the others know that theirs is not there, and it stays so.
pub async fn of_writers_at_once_one_has_written(storage: &dyn Storage) {
    let store = storage.start().await;
    for round in 0..8 {
        let key = format!("race/{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8u8 {
            let (store, key) = (Arc::clone(&store), key.clone());
            let bytes = Bytes::from(vec![writer; 100]);
            writers.spawn(async move { (writer, store.put_if_absent(&key, bytes).await.unwrap()) });
        }
        let puts = writers.join_all().await;
        let stands = store.get(&key, MOST).await.unwrap().unwrap();
        for (writer, put) in puts {
            assert_eq!(put == Written, stands[0] == writer, "writer {writer} was told {put:?}");
            assert_ne!(put, Identical, "no two wrote the same");
        }
        assert_eq!(stands.len(), 100);
    }
}

/// What was removed is in nobody's way.
pub async fn after_a_deletion_it_writes_again(storage: &dyn Storage) {
    let store = storage.start().await;
    for bytes in ["one", "two"] {
        let put = store.put_if_absent("once", Bytes::from_static(bytes.as_bytes())).await.unwrap();
        assert_eq!(put, Written);
        store.delete("once").await.unwrap();
    }
    assert_eq!(store.get("once", MOST).await.unwrap(), None);
}
