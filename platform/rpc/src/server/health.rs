use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atoll_api::call::ServiceInfo;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures::FutureExt;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tonic::codec::CompressionEncoding;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower::ServiceExt;

use crate::body::ResponseBody;

/// Where health is a page.
pub(super) const HEALTH_PAGE: &str = "/health";

/// Largest request: the name of a service. Anyone may ask, so nothing large is read.
const MAX_REQUEST: usize = 4 * 1024;

/// What a server says of its health: `grpc.health.v1`, per service and as a whole (the empty name), and `GET /health`.
///
/// A server starts out serving. Anyone may ask: health is not behind the interceptors.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    services: Arc<[&'static ServiceInfo]>,
    serving: Arc<AtomicBool>,
}

impl Health {
    pub(super) fn new(services: &[&'static ServiceInfo]) -> Self {
        let serving = Arc::new(AtomicBool::new(true));
        let health = Self { reporter: HealthReporter::new(), services: services.into(), serving };
        health.set_serving(true).now_or_never().expect("nobody else holds the reporter yet");
        health
    }

    /// Sets the whole server and each of its services.
    pub async fn set_serving(&self, serving: bool) {
        self.serving.store(serving, Ordering::Release);
        self.set_service("", serving).await;
        for service in self.services.iter() {
            self.set_service(service.name, serving).await;
        }
    }

    /// Sets one service, by full name; any name may be watched.
    pub async fn set_service(&self, service: &str, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(service, status).await;
    }

    /// Whether the server as a whole is serving.
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }

    pub(super) async fn stop(&self) {
        self.set_serving(false).await;
    }

    pub(super) async fn serve(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let service = HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_REQUEST);
        let Ok(response) = service.oneshot(request).await;
        response.map(|body| ResponseBody::Other(Body::new(body)))
    }

    pub(super) fn router(&self) -> Router {
        let health = self.clone();
        let page = move || async move {
            if health.is_serving() {
                (StatusCode::OK, "{\"status\":\"SERVING\"}\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"NOT_SERVING\"}\n")
            }
        };
        Router::new().route(HEALTH_PAGE, get(page))
    }
}
