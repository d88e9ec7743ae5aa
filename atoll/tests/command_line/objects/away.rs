//! An object store that does not answer: nothing waits for it, and nothing is lost.

use atoll_api::call::Code;
use atoll_internal_api::usage::v1::{GetCompletenessRequest, usage_service};
use atoll_test_s3::Fault;
use prost_types::Timestamp;

use super::{ASKER, Bucket, PROOF, cell, configure, metering};
use crate::asking::eventually;
use crate::running::Running;

impl Bucket {
    fn go_away(&self) {
        for operation in PROOF {
            self.0.faults().always(operation, Fault::Answer(503, "SlowDown"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_serves_says_so_and_writes_later() {
    let (bucket, folder) = (Bucket::new().await, tempfile::tempdir().unwrap());
    let admin = configure(folder.path());
    bucket.go_away();
    let served = Running::start(folder.path(), &cell(&bucket.url()));
    ASKER.begin(served.address(), "order", 0).await.unwrap();
    let problem = eventually("a problem in the cell's health", async || {
        let status = ASKER.status(&admin).await;
        assert!(status.healthy, "it serves, and usage waits: {:?}", status.problems);
        status.problems.first().cloned().ok_or_else(|| "none".to_owned())
    })
    .await;
    let expected = "usage is not exported, and waits in the cell's database: ";
    assert!(problem.starts_with(expected) && problem.contains("cannot be reached"), "{problem}");
    served.kill();
    assert_eq!(bucket.names(), [""; 0]);

    let served = Running::start(folder.path(), &cell(&bucket.url()));
    bucket.0.faults().clear();
    eventually("usage in the bucket", async || {
        let names = bucket.names();
        if names.iter().any(|name| name.ends_with(".parquet")) { Ok(()) } else { Err(format!("{names:?}")) }
    })
    .await;
    eventually("the end of the problem", async || match ASKER.status(&admin).await.problems {
        problems if problems.is_empty() => Ok(()),
        problems => Err(format!("{problems:?}")),
    })
    .await;
    served.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_listens_there() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let gone = "s3://usage/eu?endpoint=http://127.0.0.1:1&path_style=true&credentials_file=none";
    let file = folder.path().join("none");
    std::fs::write(file, "[default]\naws_access_key_id = a\naws_secret_access_key = b\n").unwrap();
    let served = Running::start(folder.path(), &cell(gone));
    ASKER.begin(served.address(), "order", 0).await.unwrap();
    served.stop();
    Running::start(folder.path(), &metering(gone)).stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metering_calls_nothing_complete_until_it_could_look() {
    let (bucket, folder) = (Bucket::new().await, tempfile::tempdir().unwrap());
    configure(folder.path());
    bucket.go_away();
    let served = Running::start(folder.path(), &metering(&bucket.url()));
    let complete = async || {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let request = GetCompletenessRequest { start_time: at(1_735_689_600), end_time: at(1_735_693_200) };
        ASKER.call(served.address(), usage_service::GET_COMPLETENESS, request).await
    };
    assert_eq!(complete().await.unwrap_err().code, Code::Unavailable);
    bucket.0.faults().clear();
    eventually("an answer", async || complete().await.map_err(|status| status.to_string())).await;
    assert_eq!(bucket.names(), [""; 0], "metering writes nothing");
    served.stop();
}
