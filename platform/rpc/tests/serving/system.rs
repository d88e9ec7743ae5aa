use atoll_api::call::{Bytes, Code};
use atoll_api::grpc::health::v1::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, Metrics, RawClient, Server, ServerConfig, ServerHandle};
use axum::Router;
use axum::routing::get;
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::fixture::{client, frontend, http, serve, serve_with};

const WORKFLOW_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";

async fn check(client: &RawClient, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let path = "/grpc.health.v1.Health/Check";
    let reply = client.call_raw(path, CallOptions::default(), request.encode_to_vec().into()).await;
    let reply = reply.map_err(|status| status.code)?;
    Ok(HealthCheckResponse::decode(reply.into_message()).unwrap().status())
}

#[tokio::test]
async fn health_is_told_per_service() {
    let server = serve(frontend()).await;
    let client = client(&server);
    assert_eq!(check(&client, "").await, Ok(ServingStatus::Serving));
    assert_eq!(check(&client, "no.such.Service").await, Err(Code::NotFound));
    assert_eq!(check(&client, WORKFLOW_SERVICE).await, Ok(ServingStatus::Serving));
    assert_eq!(http(server.local_addr(), "GET", "/health", &[], "").await.status, 200);

    server.health().set_service(WORKFLOW_SERVICE, false).await;
    assert_eq!(check(&client, WORKFLOW_SERVICE).await, Ok(ServingStatus::NotServing));
    assert_eq!(check(&client, "").await, Ok(ServingStatus::Serving));
    server.health().set_serving(false).await;
    assert_eq!(check(&client, "").await, Ok(ServingStatus::NotServing));
    assert_eq!(http(server.local_addr(), "GET", "/health", &[], "").await.status, 503);
}

async fn reflect(server: &ServerHandle, version: &str, question: MessageRequest) -> ServerReflectionResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    let body = request.encode_to_vec().into();
    let reply = client(server).call_raw(&path, CallOptions::default(), body).await.unwrap();
    ServerReflectionResponse::decode(reply.into_message()).unwrap()
}

#[tokio::test]
async fn reflection_lists_what_is_served_and_knows_its_messages() {
    let server = serve(frontend()).await;
    for version in ["v1", "v1alpha"] {
        let answer = reflect(&server, version, MessageRequest::ListServices(String::new())).await;
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}")
        };
        let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
        assert!(names.contains(&WORKFLOW_SERVICE) && names.contains(&"grpc.health.v1.Health"), "{names:?}");
        assert!(!names.iter().any(|name| name.contains("CloudService")), "not served here: {names:?}");

        let symbol = MessageRequest::FileContainingSymbol(WORKFLOW_SERVICE.to_owned());
        let answer = reflect(&server, version, symbol).await;
        assert!(
            matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn reflection_can_be_switched_off() {
    let server = serve_with(frontend(), ServerConfig { reflection: false, ..Default::default() }).await;
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let status = client(&server).call_raw(path, CallOptions::default(), Bytes::new()).await.unwrap_err();
    assert_eq!(status.code, Code::Unimplemented);
}

#[tokio::test]
async fn one_port_serves_grpc_rest_metrics_and_more() {
    let metrics = Metrics::install().unwrap();
    let more = Router::new()
        .route("/invoices/{id}/csv", get(|| async { ([("content-type", "text/csv")], "a,b\n") }))
        .route("/api/v1/cluster-info", get(|| async { "wins over REST" }));
    let server = Server::new(ServerConfig::default(), frontend().build().unwrap())
        .merge(more)
        .metrics(metrics)
        .start(CancellationToken::new())
        .await
        .unwrap();
    let address = server.local_addr();
    let method = workflow_service::GET_SYSTEM_INFO;
    client(&server).call(method, &wf::GetSystemInfoRequest {}, CallOptions::default()).await.unwrap();
    assert_eq!(http(address, "GET", "/api/v1/system-info", &[], "").await.status, 200);
    assert_eq!(http(address, "GET", "/api/v1/namespaces/nope", &[], "").await.status, 404);
    assert_eq!(http(address, "GET", "/invoices/7/csv", &[], "").await.body, "a,b\n");
    assert_eq!(http(address, "GET", "/api/v1/cluster-info", &[], "").await.body, "wins over REST");

    let page = http(address, "GET", "/metrics", &[], "").await.body;
    let labels = "service_name=\"frontend\",operation=\"GetSystemInfo\"";
    assert!(page.contains(&format!("service_requests{{{labels}}} 2")), "{page}");
    assert!(page.contains(&format!("service_latency_count{{{labels}}} 2")), "{page}");
    assert!(page.contains(&format!("service_pending_requests{{{labels}}} 0")), "{page}");
    let failed = "service_name=\"frontend\",operation=\"DescribeNamespace\"";
    assert!(page.contains(&format!("service_errors{{{failed}}} 1")), "{page}");
    assert!(
        page.contains(&format!("service_error_with_type{{{failed},error_type=\"NOT_FOUND\"}} 1")),
        "{page}"
    );
}
