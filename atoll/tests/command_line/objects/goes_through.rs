//! Usage that goes from a cell to metering, through whatever lies between.

use atoll_internal_api::usage::v1::{ListUsageRequest, usage_service};
use prost_types::Timestamp;

use super::{ASKER, Bucket, MARKER, cell, configure, metering};
use crate::asking::eventually;
use crate::running::Running;

#[allow(clippy::disallowed_methods, reason = "a test from outside is a shell")]
fn hours_from_now(hours: i64) -> Option<Timestamp> {
    let now = jiff::Timestamp::now();
    Some(Timestamp { seconds: now.as_second() + 3_600 * hours, nanos: 0 })
}

/// One start of a workflow, at a cell and then at metering.
async fn one_start_is_metered(folder: &std::path::Path, url: &str) {
    configure(folder);
    // Whoever comes first: metering finds nothing yet.
    let metering = Running::start(folder, &metering(url));
    let cell = Running::start(folder, &cell(url));
    ASKER.begin(cell.address(), "order", 0).await.unwrap();
    let row = eventually("the usage of a start", async || {
        let request = ListUsageRequest {
            account_id: "acme1".to_owned(),
            start_time: hours_from_now(-1),
            end_time: hours_from_now(2),
            ..Default::default()
        };
        let usage = ASKER.call(metering.address(), usage_service::LIST_USAGE, request);
        let rows = usage.await.map_err(|status| status.to_string())?.rows;
        let starts = rows.iter().find(|row| row.action_type == "start_workflow");
        starts.cloned().ok_or_else(|| format!("{rows:?}"))
    })
    .await;
    assert_eq!((row.quantity.as_str(), row.cell_id.as_str()), ("1", "cell"));
    cell.stop();
    metering.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket() {
    let (bucket, folder) = (Bucket::new().await, tempfile::tempdir().unwrap());
    one_start_is_metered(folder.path(), &bucket.url()).await;
    let names = bucket.names();
    assert!(names.contains(&format!("eu/{MARKER}")), "{names:?}");
    let mut others = names.iter().filter(|name| !name.ends_with(MARKER));
    let of_cell = |name: &String| name.starts_with("eu/usage/cell/") || name.starts_with("eu/cells/cell/");
    assert!(names.len() > 2 && others.all(of_cell), "{names:?}");
    assert!(!folder.path().join("objects").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_by_its_url_or_its_path() {
    for url in ["file:objects", "objects"] {
        let folder = tempfile::tempdir().unwrap();
        one_start_is_metered(folder.path(), url).await;
        let marker = std::fs::read_to_string(folder.path().join("objects").join(MARKER)).unwrap();
        assert_eq!(marker, "atoll-objects 1\n");
    }
}
