//! Rating runs.

use super::values::{now, run};
use crate::month::RatingRun;
use crate::test_support::TestDatabase;

pub(super) async fn a_run_is_kept_once_and_read_whole(database: TestDatabase) {
    let store = database.open().await;
    let first = run("acme1", "2026-01", 7);
    let id = store.insert_run(&first, now()).await.unwrap();
    assert_eq!(store.run(&id).await.unwrap().as_ref(), Some(&first));
    let later = now() + jiff::SignedDuration::from_hours(1);
    assert_eq!(store.insert_run(&first, later).await.unwrap(), id);
    let other = RatingRun { cube_version: "v8".to_owned(), ..first.clone() };
    let other_id = store.insert_run(&other, later).await.unwrap();
    assert_ne!(other_id, id);
    assert_eq!(store.run(&other_id).await.unwrap(), Some(other));
    assert_eq!(store.run("run-x").await.unwrap(), None);
    // A second attempt of the same did not come as an update.
    let beside = database.open_beside(&store).await;
    assert_eq!(beside.run(&id).await.unwrap(), Some(first));
}
