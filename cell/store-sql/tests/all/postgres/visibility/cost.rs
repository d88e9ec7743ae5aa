//! How many statements and commits a call takes, whatever number of records it is for.

use super::{connect, deletion, filter, listed, record};
use crate::postgres::cost::Counted;
use cell_visibility::{Deletion, VisibilityRecord, VisibilityStore};

#[tokio::test]
async fn a_call_is_one_statement_and_a_write_one_commit() {
    let (counted, store) = Counted::new(async |options| connect(options).await).await;
    let records = |position: u64| -> Vec<VisibilityRecord> {
        (1..=500).map(|number| record(number, position, "mine")).collect()
    };
    store.upsert(&records(1)).await.expect("upserts");
    for position in [2, 2, 3] {
        let begin = counted.begin();
        store.upsert(&records(position)).await.expect("upserts");
        assert_eq!(counted.since(&begin), (1, 1), "{position}");
    }
    // A new connection is looked at.
    listed(&store, "").await;
    let begin = counted.begin();
    assert_eq!(listed(&store, "Mine = 'mine'").await.len(), 500);
    store.count(super::NAMESPACE, &filter("Mine = 'mine'"), None).await.expect("counts");
    // Begin, four settings, the statement and the end.
    assert_eq!(counted.since(&begin), (2 * 7, 0));
    let deletions: Vec<Deletion> = records(3).iter().map(deletion).collect();
    let begin = counted.begin();
    store.delete(&deletions).await.expect("deletes");
    assert_eq!(counted.since(&begin), (1, 1));
}
