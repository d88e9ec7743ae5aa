//! An object store that does not answer: nothing waits for it, and nothing is lost.

use atoll_api::call::Code;
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::{GetStatusRequest, GetStatusResponse, cell_admin};
use atoll_internal_api::usage::v1::{GetCompletenessRequest, usage_service};
use atoll_test_s3::Fault;
use prost_types::Timestamp;

use super::{Bucket, PROOF, call, cell, configure, eventually, metering};
use crate::running::Running;

/// Starts a workflow on which nobody works.
pub(super) async fn begin(cell: &Running, workflow_id: &str) {
    let request = wf::StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() }),
        request_id: "1".to_owned(),
        ..Default::default()
    };
    call(cell.address(), rpc::START_WORKFLOW_EXECUTION, request).await.unwrap();
}

async fn status(admin: &str) -> GetStatusResponse {
    call(admin, cell_admin::GET_STATUS, GetStatusRequest::default()).await.unwrap()
}

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
    begin(&served, "order").await;
    let problem = eventually("a problem in the cell's health", async || {
        let status = status(&admin).await;
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
    eventually("the end of the problem", async || match status(&admin).await.problems {
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
    begin(&served, "order").await;
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
        call(served.address(), usage_service::GET_COMPLETENESS, request).await
    };
    assert_eq!(complete().await.unwrap_err().code, Code::Unavailable);
    bucket.0.faults().clear();
    eventually("an answer", async || complete().await.map_err(|status| status.to_string())).await;
    assert_eq!(bucket.names(), [""; 0], "metering writes nothing");
    served.stop();
}
