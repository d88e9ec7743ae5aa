use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::Request as AxumRequest;
use futures::future::Either;
use http::{Request, Response, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::config::ServerConfig;
use super::health::{HEALTH_PAGE, Health};
use super::reflection::Reflection;
use crate::body::ResponseBody;
use crate::dispatch::{Dispatcher, DispatcherError};
use crate::grpc::{GrpcServer, is_grpc};
use crate::head::Head;
use crate::large::LargeRequests;
use crate::metrics::METRICS_PAGE;
use crate::quota::{Holder, Quota};
use crate::rest::{self, RestServer};

/// Said where there is no room.
const BODIES_FULL: &str = "the server holds as many bytes of requests, or of yours, as it may: try again";
const ANSWERS_FULL: &str =
    "the server holds as many bytes of answers, or of yours, as it may: read those that wait, and try again";

/// Services that are not behind the dispatcher.
enum System<'a> {
    Health(&'a Health),
    Reflection(&'a Reflection),
}

/// Sends each request to the protocol it speaks.
pub(super) struct Core {
    grpc: Arc<GrpcServer>,
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
        map: Option<Box<dyn FnOnce(Router) -> Router + Send>>,
        health: Health,
    ) -> Result<Self, DispatcherError> {
        let body_timeout = Duration::from_secs(config.body_timeout_seconds);
        let bodies = Quota::new(config.max_bodies_bytes, BODIES_FULL);
        let answers = Quota::new(config.max_answers_bytes, ANSWERS_FULL);
        let large = Arc::new(LargeRequests::new());
        let rest = RestServer::new(
            dispatcher.clone(),
            config.max_message_bytes,
            Arc::clone(&bodies),
            Arc::clone(&answers),
            body_timeout,
            Arc::clone(&large),
        )?;
        let rest = Arc::new(rest);
        let router = router.merge(health.router()).fallback(move |request: AxumRequest| {
            let rest = Arc::clone(&rest);
            async move { rest.serve(request).await }
        });
        let router = match map {
            Some(map) => map(router),
            None => router,
        };
        let reflection = config.reflection.then(|| Reflection::new(&dispatcher));
        let (max_message_bytes, gzip_min_bytes) = (config.max_message_bytes, config.gzip_min_bytes);
        let grpc = GrpcServer {
            dispatcher,
            max_message_bytes,
            bodies,
            answers,
            gzip_min_bytes,
            body_timeout,
            large,
        };
        Ok(Self { grpc: Arc::new(grpc), health, reflection, router })
    }

    /// The future of a unary call is inline, since thousands wait at a time; all others are boxed.
    pub(super) fn serve(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + use<> {
        if self.is_unary(&request) {
            return Either::Left(self.grpc.serve(request, peer));
        }
        let core = Arc::clone(self);
        let head = Head::of(request.headers(), &self.grpc.bodies, Holder::at(peer));
        Either::Right(Box::pin(async move {
            match head {
                // Held until there is an answer.
                Ok(_head) => core.serve_other(request, peer).await,
                Err(status) => {
                    let pool = core.grpc.dispatcher.descriptors();
                    rest::failure(&status, pool).map(ResponseBody::Other)
                }
            }
        }))
    }

    /// Whether it is of use to its connection: not what anybody may ask, of health, of metrics and of the services.
    pub(super) fn is_call(&self, request: &Request<Incoming>) -> bool {
        let path = request.uri().path();
        self.of_system(path).is_none() && ![HEALTH_PAGE, METRICS_PAGE].contains(&path)
    }

    fn is_unary(&self, request: &Request<Incoming>) -> bool {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        content_type.is_some_and(|value| is_grpc(value.as_bytes()))
            && self.of_system(request.uri().path()).is_none()
    }

    fn of_system(&self, path: &str) -> Option<System<'_>> {
        if path.starts_with("/grpc.health.v1.Health/") {
            Some(System::Health(&self.health))
        } else if path.starts_with("/grpc.reflection.") {
            self.reflection.as_ref().map(System::Reflection)
        } else {
            None
        }
    }

    async fn serve_other(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<ResponseBody> {
        match self.of_system(request.uri().path()) {
            Some(System::Health(health)) => health.serve(request).await,
            Some(System::Reflection(reflection)) => reflection.serve(request).await,
            None => self.http(request, peer).await,
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
