//! Lists.

use super::Storage;
use crate::ObjectStore;
use bytes::Bytes;
use std::sync::Arc;

/// Keys with a `-`, a `.` or an `=` come before those that go on with a `/` or a letter, or behind them, as bytes do.
pub async fn keys_come_in_byte_order_under_their_prefix(storage: &dyn Storage) {
    let store = storage.start().await;
    for key in ["l/2", "l/10", "l/1/x", "l/1-x", "l/1=x", "lx/1", "l.x", "m", "L"] {
        store.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    let all = ["L", "l.x", "l/1-x", "l/1/x", "l/10", "l/1=x", "l/2", "lx/1", "m"];
    assert_eq!(store.list("", None, 99).await.unwrap(), all);
    assert_eq!(store.list("l/", None, 99).await.unwrap(), all[2..7]);
    assert_eq!(store.list("l/1", None, 99).await.unwrap(), all[2..6], "a prefix may end within a name");
    assert_eq!(store.list("l", None, 99).await.unwrap(), all[1..8]);
    assert!(store.list("nothing/", None, 99).await.unwrap().is_empty());
}

/// The key need not be there, nor under the prefix.
pub async fn a_list_goes_on_behind_a_key(storage: &dyn Storage) {
    let store = storage.start().await;
    for key in ["a", "l/1", "l/2", "l/3", "z"] {
        store.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    let list = async |after, limit| store.list("l/", Some(after), limit).await.unwrap();
    assert_eq!(list("l/1", 9).await, ["l/2", "l/3"]);
    assert_eq!(list("l/1", 1).await, ["l/2"]);
    assert_eq!(list("l/2.", 9).await, ["l/3"]);
    assert_eq!(list("a", 9).await, ["l/1", "l/2", "l/3"]);
    assert!(list("l/3", 9).await.is_empty());
    assert!(list("z", 9).await.is_empty());
    assert!(list("a", 0).await.is_empty());
}

/// An engine that reads by pages loses nothing between two of them.
pub async fn more_keys_than_an_engine_lists_at_once_are_all_there(storage: &dyn Storage) {
    const KEYS: usize = 1_030;
    let store = storage.start().await;
    let mut writers = tokio::task::JoinSet::new();
    for from in 0..10 {
        let store: Arc<dyn ObjectStore> = Arc::clone(&store);
        writers.spawn(async move {
            for number in (from..KEYS).step_by(10) {
                store.put(&format!("many/{number:05}"), Bytes::from_static(b"x")).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let all: Vec<String> = (0..KEYS).map(|number| format!("many/{number:05}")).collect();
    assert_eq!(store.list("many/", None, usize::MAX).await.unwrap(), all);
    assert_eq!(store.list("many/", None, 1_001).await.unwrap(), all[..1_001]);
    assert_eq!(store.list("many/", Some("many/00500"), 505).await.unwrap(), all[501..1_006]);
}
