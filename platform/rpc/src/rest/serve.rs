use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use atoll_api::call::{Bytes, CallContext, Code, Protocol, Reply, Status};
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prost_reflect::DescriptorPool;
use serde_json::Value;

use super::routes::{Binding, Found, Routes};
use super::{convert, errors, query};
use crate::dispatch::{Dispatcher, DispatcherError};
use crate::grpc::call_deadline;

/// Serves the REST routes of a dispatcher's services.
pub(crate) struct RestServer {
    dispatcher: Dispatcher,
    routes: Routes,
    max_body_bytes: usize,
    body_timeout: Duration,
}

/// How the caller wants JSON, by query or content type.
struct Style {
    pretty: bool,
    shorthand: bool,
}

impl RestServer {
    pub(crate) fn new(
        dispatcher: Dispatcher,
        max_body_bytes: usize,
        body_timeout: Duration,
    ) -> Result<Self, DispatcherError> {
        let routes = Routes::of(dispatcher.services())?;
        Ok(Self { dispatcher, routes, max_body_bytes, body_timeout })
    }

    pub(crate) async fn serve(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let parameters = query::parameters(parts.uri.query().unwrap_or_default());
        let style = Style::of(parameters.as_deref().unwrap_or_default(), &parts.headers);
        let (binding, variables) = match self.routes.find(parts.method.as_str(), parts.uri.path()) {
            Found::Method(binding, variables) => (binding, variables),
            Found::OtherVerb(allowed) => return self.not_allowed(allowed, &style),
            Found::Nothing => {
                return self.failure(StatusCode::NOT_FOUND, &Status::not_found("Not Found"), &style);
            }
        };
        let Some(parameters) = parameters else {
            let status = Status::invalid_argument("query: malformed percent-encoding");
            return self.failure(StatusCode::BAD_REQUEST, &status, &style);
        };
        let body = match self.read(body).await {
            Ok(body) => body,
            Err((code, status)) => return self.failure(code, &status, &style),
        };
        let pool = self.dispatcher.descriptors();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let answer = async {
            let encoded = convert::request(pool, binding, &variables, &parameters, &body, style.shorthand)?;
            let mut reply = self.call(binding, parts.headers, peer, encoded).await?;
            let headers = reply.take_headers();
            Ok::<_, Status>((convert::answer(pool, binding, reply.into_message(), style.shorthand)?, headers))
        };
        match answer.await {
            Ok((value, headers)) => success(&value, headers, &style),
            Err(status) => self.failure(errors::http_status(status.code), &status, &style),
        }
    }

    async fn call(
        &self,
        binding: Binding,
        headers: HeaderMap,
        peer: Option<SocketAddr>,
        body: Bytes,
    ) -> Result<Reply, Status> {
        let mut ctx = CallContext::new(binding.method);
        // Over gRPC this is a broken client, hence INTERNAL there; here it is a header that somebody wrote.
        ctx.deadline = call_deadline(&headers).map_err(|status| Status::invalid_argument(status.message))?;
        ctx.headers = headers;
        ctx.peer = peer;
        ctx.protocol = Protocol::Rest;
        self.dispatcher.call(ctx, body).await
    }

    async fn read(&self, body: Body) -> Result<Bytes, (StatusCode, Status)> {
        let read = Limited::new(body, self.max_body_bytes).collect();
        match tokio::time::timeout(self.body_timeout, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let text = format!("body is larger than max ({} bytes)", self.max_body_bytes);
                Err((StatusCode::PAYLOAD_TOO_LARGE, Status::resource_exhausted(text)))
            }
            Ok(Err(error)) => {
                Err((StatusCode::BAD_REQUEST, Status::cancelled(format!("body broke off: {error}"))))
            }
            Err(_) => {
                Err((StatusCode::REQUEST_TIMEOUT, Status::deadline_exceeded("body did not arrive in time")))
            }
        }
    }

    /// RFC 9110, 15.5.6: says what the resource takes instead.
    fn not_allowed(&self, allowed: BTreeSet<&str>, style: &Style) -> Response<Body> {
        let status = Status::unimplemented("Method Not Allowed");
        let mut response = self.failure(StatusCode::METHOD_NOT_ALLOWED, &status, style);
        let allowed = allowed.into_iter().collect::<Vec<_>>().join(", ");
        let allowed = HeaderValue::try_from(allowed).expect("names of HTTP methods");
        response.headers_mut().insert(header::ALLOW, allowed);
        response
    }

    fn failure(&self, code: StatusCode, status: &Status, style: &Style) -> Response<Body> {
        refusal(code, status, self.dispatcher.descriptors(), style)
    }
}

/// A failed call as REST answers it, for other formats over the same calls. `pool` knows the types of the failure's details.
pub fn failure(status: &Status, pool: &DescriptorPool) -> Response<Body> {
    refusal(errors::http_status(status.code), status, pool, &Style { pretty: false, shorthand: false })
}

fn refusal(code: StatusCode, status: &Status, pool: &DescriptorPool, style: &Style) -> Response<Body> {
    let mut response = json(code, &errors::body(status, pool), style.pretty);
    if status.code == Code::Unauthenticated {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

impl Style {
    fn of(parameters: &[(String, String)], headers: &HeaderMap) -> Self {
        let parameter = |name: &str| parameters.iter().any(|(key, value)| key == name && value != "false");
        let media = |suffix: &str| {
            [header::ACCEPT, header::CONTENT_TYPE]
                .iter()
                .filter_map(|name| headers.get(name)?.to_str().ok())
                .any(|value| value.contains("application/json+") && value.contains(suffix))
        };
        Self {
            pretty: parameter("pretty") || media("pretty"),
            shorthand: !parameter("noPayloadShorthand") && !media("no-payload-shorthand"),
        }
    }
}

/// Metadata of the answer travels under a prefix, so that it cannot pose as HTTP's own.
fn success(value: &Value, metadata: Option<HeaderMap>, style: &Style) -> Response<Body> {
    let mut response = json(StatusCode::OK, value, style.pretty);
    for (name, value) in metadata.iter().flatten() {
        if let Ok(name) = HeaderName::try_from(format!("grpc-metadata-{name}")) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn json(code: StatusCode, value: &Value, pretty: bool) -> Response<Body> {
    let text = if pretty { format!("{value:#}\n") } else { value.to_string() };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
