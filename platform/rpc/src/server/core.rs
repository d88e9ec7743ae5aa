use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::Request as AxumRequest;
use http::{Request, Response, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::config::ServerConfig;
use super::health::Health;
use super::reflection::Reflection;
use crate::body::ResponseBody;
use crate::dispatch::{Dispatcher, DispatcherError};
use crate::grpc::{GrpcServer, is_grpc};
use crate::rest::RestServer;

/// Sends each request to the protocol it speaks.
pub(super) struct Core {
    grpc: GrpcServer,
    health: Health,
    reflection: Option<Reflection>,
    /// Merged routes, with REST behind them.
    router: Router,
}

impl Core {
    pub(super) fn new(
        config: &ServerConfig,
        dispatcher: Dispatcher,
        router: Router,
        health: Health,
    ) -> Result<Self, DispatcherError> {
        let body_timeout = Duration::from_secs(config.body_timeout_seconds);
        let rest = Arc::new(RestServer::new(dispatcher.clone(), config.max_message_bytes, body_timeout)?);
        let router = router.merge(health.router()).fallback(move |request: AxumRequest| {
            let rest = Arc::clone(&rest);
            async move { rest.serve(request).await }
        });
        let reflection = config.reflection.then(|| Reflection::new(&dispatcher));
        let (max_message_bytes, gzip_min_bytes) = (config.max_message_bytes, config.gzip_min_bytes);
        let grpc = GrpcServer { dispatcher, max_message_bytes, gzip_min_bytes, body_timeout };
        Ok(Self { grpc, health, reflection, router })
    }

    pub(super) async fn serve(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<ResponseBody> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        if !content_type.is_some_and(|value| is_grpc(value.as_bytes())) {
            return Box::pin(self.http(request, peer)).await;
        }
        match request.uri().path() {
            path if path.starts_with("/grpc.health.v1.Health/") => Box::pin(self.health.serve(request)).await,
            path if path.starts_with("/grpc.reflection.") => match &self.reflection {
                Some(reflection) => Box::pin(reflection.serve(request)).await,
                None => self.grpc.serve(request, peer).await,
            },
            _ => self.grpc.serve(request, peer).await,
        }
    }

    async fn http(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<ResponseBody> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer: Result<_, Infallible> = self.router.clone().oneshot(request).await;
        let Ok(response) = answer;
        response.map(ResponseBody::Other)
    }
}
