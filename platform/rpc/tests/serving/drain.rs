use tokio::time::Instant;

use atoll_api::call::Code;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, RawClient, Server, ServerConfig, ServerError};
use tokio_util::sync::CancellationToken;

use crate::fixture::{PATIENCE, client, frontend, parking, serve, serve_with, watched};

#[tokio::test]
async fn running_calls_finish_and_new_ones_are_turned_away() {
    let (frontend, arrivals, released) = parking();
    let server = serve(frontend).await;
    let (client, late) = (client(&server), client(&server));
    let request = wf::PollWorkflowTaskQueueRequest::default();
    let running = client.call(workflow_service::POLL_WORKFLOW_TASK_QUEUE, &request, CallOptions::default());
    let turned_away = async |by: &RawClient| {
        let method = workflow_service::GET_SYSTEM_INFO;
        by.call(method, &wf::GetSystemInfoRequest {}, CallOptions::timeout(PATIENCE)).await.unwrap_err().code
    };
    let stopped = async {
        arrivals.notified().await;
        let turned_away = async {
            assert_eq!(turned_away(&late).await, Code::Unavailable);
            released.notify_one();
        };
        // Polled in this order: the server has been told to stop before the new call leaves.
        tokio::join!(biased; server.shutdown(), turned_away);
    };
    let (answer, ()) = tokio::join!(running, stopped);
    assert_eq!(answer.unwrap().attempt, 1);
    for client in [&client, &late] {
        assert_eq!(turned_away(client).await, Code::Unavailable);
    }
}

#[tokio::test]
async fn calls_that_never_finish_are_cut() {
    let (frontend, arrivals) = watched();
    let server = serve_with(frontend, ServerConfig { drain_seconds: 1, ..Default::default() }).await;
    let client = client(&server);
    let request = wf::PollWorkflowTaskQueueRequest::default();
    let running = client.call(workflow_service::POLL_WORKFLOW_TASK_QUEUE, &request, CallOptions::default());
    let begun = Instant::now();
    let stop = async {
        arrivals.notified().await;
        server.shutdown().await;
    };
    let (answer, ()) = tokio::join!(running, stop);
    assert_eq!(answer.unwrap_err().code, Code::Unavailable);
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_client_connects_again_when_its_server_is_back() {
    let method = workflow_service::GET_SYSTEM_INFO;
    let request = wf::GetSystemInfoRequest {};
    let server = serve(frontend()).await;
    let address = server.local_addr();
    let client = client(&server);
    client.call(method, &request, CallOptions::default()).await.unwrap();
    server.shutdown().await;
    let status = client.call(method, &request, CallOptions::default()).await.unwrap_err();
    assert_eq!(status.code, Code::Unavailable, "{status}");

    let _back = serve_with(frontend(), ServerConfig { listen: address, ..Default::default() }).await;
    client.call(method, &request, CallOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let server = serve(frontend()).await;
    let config = ServerConfig { listen: server.local_addr(), ..Default::default() };
    let second = Server::new(config, frontend().build().unwrap()).start(CancellationToken::new()).await;
    let Err(ServerError::Bind { address, .. }) = second else { panic!("two servers on one port") };
    assert_eq!(address, server.local_addr());
}
