use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use atoll_api::call::{Bytes, CallContext, Code, Protocol, Reply, Status};
use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use prost_reflect::DescriptorPool;

use super::routes::{Binding, Found, Routes};
use super::{convert, errors, pretty, query};
use crate::dispatch::{Dispatcher, DispatcherError};
use crate::grpc::call_deadline;
use crate::large::{LONGEST_WAIT, LargeRequests};
use crate::quota::{Holder, Quota, Reservation, UNCOUNTED_ANSWER};
use crate::turns::{TurnLimits, Turns};
use crate::weigh::Weighing;

/// Serves the REST routes of a dispatcher's services.
pub(crate) struct RestServer {
    dispatcher: Dispatcher,
    routes: Routes,
    max_body_bytes: usize,
    bodies: Arc<Quota>,
    answers: Arc<Quota>,
    body_timeout: Duration,
    turns: Turns<Holder>,
    large: Arc<LargeRequests>,
}

/// Larger bodies are converted in a thread of their own: a payload of two bytes takes more than a thousand meanwhile.
const LARGE_BYTES: usize = 4 * 1024;

/// Large bodies are converted one at a time, for one takes many times its bytes meanwhile, and callers take turns.
const TURNS: TurnLimits =
    TurnLimits { at_once: 1, of_one_at_once: 1, of_one: 32 * 1024 * 1024, in_all: 128 * 1024 * 1024 };

/// Why there is no answer, and its HTTP status.
struct Refusal(StatusCode, Status);

/// What a request says beside its body.
struct Asked {
    binding: Binding,
    variables: Vec<String>,
    parameters: Vec<(String, String)>,
    shorthand: bool,
}

/// How the caller wants JSON, by query or content type.
#[derive(Clone, Copy)]
struct Style {
    pretty: bool,
    shorthand: bool,
}

impl RestServer {
    pub(crate) fn new(
        dispatcher: Dispatcher,
        max_body_bytes: usize,
        bodies: Arc<Quota>,
        answers: Arc<Quota>,
        body_timeout: Duration,
        large: Arc<LargeRequests>,
    ) -> Result<Self, DispatcherError> {
        let routes = Routes::of(dispatcher.services())?;
        let turns = Turns::new(TURNS);
        Ok(Self { dispatcher, routes, max_body_bytes, bodies, answers, body_timeout, turns, large })
    }

    pub(crate) async fn serve(&self, request: Request<Body>) -> Response<Body> {
        let (Parts { method, uri, headers, extensions, .. }, body) = request.into_parts();
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let parameters = query::parameters(uri.query().unwrap_or_default());
        let style = Style::of(parameters.as_deref().unwrap_or_default(), &headers);
        let (binding, variables) = match self.routes.find(method.as_str(), uri.path()) {
            Found::Method(binding, variables) => (binding, variables),
            Found::OtherVerb(allowed) => return self.not_allowed(allowed, &style, peer),
            Found::Nothing => {
                return self.failure(StatusCode::NOT_FOUND, &Status::not_found("Not Found"), &style, peer);
            }
        };
        let Some(parameters) = parameters else {
            let status = Status::invalid_argument("query: malformed percent-encoding");
            return self.failure(StatusCode::BAD_REQUEST, &status, &style, peer);
        };
        let answer = async {
            let mut ctx = context(binding, headers)?;
            ctx.peer = peer;
            let entry = self.dispatcher.find(ctx.path());
            let admitted = self.dispatcher.admit(entry, &mut ctx).await;
            let caller = Holder::of(&ctx);
            let reply = match admitted {
                ControlFlow::Break(outcome) => outcome?,
                ControlFlow::Continue(()) => {
                    // Held until the call ends, as over gRPC.
                    let mut held = self.bodies.reserve(caller);
                    let body = self.read(body, &mut held).await?;
                    let variables = variables.into_iter().map(str::to_owned).collect();
                    let asked = Asked { binding, variables, parameters, shorthand: style.shorthand };
                    let encoded = self.encoded(asked, body, caller).await?;
                    let weighing = Weighing::of(&encoded, &mut held, self.large.of(caller));
                    self.dispatcher.run(entry, &mut ctx, encoded, weighing).await?
                }
            };
            let (text, metadata) = self.converted(binding, reply, style, caller).await?;
            let text = self.leaving(text, caller)?;
            ctx.take_handover().delivered();
            Ok((text, metadata))
        };
        match answer.await {
            Ok((text, metadata)) => success(text, metadata),
            Err(Refusal(code, status)) => self.failure(code, &status, &style, peer),
        }
    }

    /// Encodes the request.
    async fn encoded(&self, asked: Asked, body: Bytes, caller: Holder) -> Result<Bytes, Status> {
        let pool = self.dispatcher.descriptors();
        self.in_turn(caller, body.len(), move || {
            let Asked { binding, variables, parameters, shorthand } = asked;
            convert::request(pool, binding, &variables, &parameters, &body, shorthand)
        })
        .await
    }

    /// The text of an answer.
    async fn converted(
        &self,
        binding: Binding,
        mut reply: Reply,
        style: Style,
        caller: Holder,
    ) -> Result<(String, Option<HeaderMap>), Status> {
        let headers = reply.take_headers();
        let (pool, message) = (self.dispatcher.descriptors(), reply.into_message());
        let text = self.in_turn(caller, message.len(), move || {
            let value = convert::answer(pool, binding, message, style.shorthand)?;
            Ok(pretty::text(&value, style.pretty))
        });
        Ok((text.await?, headers))
    }

    /// Does a conversion of so many bytes: a small one at once, a large one in a thread of its own when it is the
    /// caller's turn. Once begun it goes on to its end, also where nobody waits for it any more, and keeps its turn.
    async fn in_turn<T: Send + 'static>(
        &self,
        caller: Holder,
        bytes: usize,
        convert: impl FnOnce() -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        if bytes <= LARGE_BYTES {
            return convert();
        }
        let busy =
            || Status::resource_exhausted("too many bytes wait to be converted from or to JSON: try again");
        let place = self.turns.enter(caller.widest(), bytes).ok_or_else(busy)?;
        let turn = tokio::time::timeout(LONGEST_WAIT, place.turn()).await.map_err(|_| busy())?;
        #[allow(clippy::disallowed_methods, reason = "no simulation speaks REST")]
        let converting = tokio::task::spawn_blocking(move || {
            let _here = (place, turn);
            convert()
        });
        converting.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "conversion panicked");
            Err(Status::internal("internal error: the conversion was abandoned"))
        })
    }

    /// The text, for which there must be room until its connection has taken it.
    fn leaving(&self, text: String, caller: Holder) -> Result<Bytes, Status> {
        let mut held = self.answers.reserve(caller);
        if text.len() >= UNCOUNTED_ANSWER {
            held.resize(text.len())?;
        }
        Ok(held.attach_to(text.into()))
    }

    async fn read(&self, mut body: Body, held: &mut Reservation) -> Result<Bytes, Refusal> {
        let whole = async {
            let mut whole = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| {
                    Refusal(StatusCode::BAD_REQUEST, Status::cancelled(format!("body broke off: {error}")))
                })?;
                let Ok(data) = frame.into_data() else { continue };
                if whole.len() + data.len() > self.max_body_bytes {
                    let text = format!("body is larger than max ({} bytes)", self.max_body_bytes);
                    return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, Status::resource_exhausted(text)));
                }
                held.resize(whole.len() + data.len())?;
                whole.extend_from_slice(&data);
            }
            Ok(whole.freeze())
        };
        let late = Status::deadline_exceeded("body did not arrive in time");
        tokio::time::timeout(self.body_timeout, whole)
            .await
            .unwrap_or(Err(Refusal(StatusCode::REQUEST_TIMEOUT, late)))
    }

    /// RFC 9110, 15.5.6: says what the resource takes instead.
    fn not_allowed(
        &self,
        allowed: BTreeSet<&str>,
        style: &Style,
        peer: Option<SocketAddr>,
    ) -> Response<Body> {
        let status = Status::unimplemented("Method Not Allowed");
        let mut response = self.failure(StatusCode::METHOD_NOT_ALLOWED, &status, style, peer);
        let allowed = allowed.into_iter().collect::<Vec<_>>().join(", ");
        let allowed = HeaderValue::try_from(allowed).expect("names of HTTP methods");
        response.headers_mut().insert(header::ALLOW, allowed);
        response
    }

    /// A failure; of one for whose text there is no room until its connection has taken it, the code alone.
    fn failure(
        &self,
        code: StatusCode,
        status: &Status,
        style: &Style,
        peer: Option<SocketAddr>,
    ) -> Response<Body> {
        let text = |status: &Status| {
            pretty::text(&errors::body(status, self.dispatcher.descriptors()), style.pretty)
        };
        let caller = peer.map_or_else(Holder::nobody, Holder::at);
        let body = self.leaving(text(status), caller);
        let body = body.unwrap_or_else(|_| text(&Status::new(status.code, "")).into());
        refusal(code, status.code, body)
    }
}

/// What is known of a call before its body is read.
fn context(binding: Binding, headers: HeaderMap) -> Result<CallContext, Status> {
    let mut ctx = CallContext::new(binding.method);
    // Over gRPC this is a broken client, hence INTERNAL there; here it is a header that somebody wrote.
    ctx.deadline = call_deadline(&headers).map_err(|status| Status::invalid_argument(status.message))?;
    ctx.headers = headers;
    ctx.protocol = Protocol::Rest;
    Ok(ctx)
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(errors::http_status(status.code), status)
    }
}

/// A failed call as REST answers it, for other formats over the same calls. `pool` knows the types of the failure's
/// details.
pub fn failure(status: &Status, pool: &DescriptorPool) -> Response<Body> {
    let text = pretty::text(&errors::body(status, pool), false);
    refusal(errors::http_status(status.code), status.code, text.into())
}

fn refusal(http: StatusCode, code: Code, body: Bytes) -> Response<Body> {
    let mut response = json(http, body);
    if code == Code::Unauthenticated {
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
fn success(text: Bytes, metadata: Option<HeaderMap>) -> Response<Body> {
    let mut response = json(StatusCode::OK, text);
    for (name, value) in metadata.iter().flatten() {
        if let Ok(name) = HeaderName::try_from(format!("grpc-metadata-{name}")) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn json(code: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::FutureExt;

    use super::*;

    /// Longest that a thread waits here.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn server() -> RestServer {
        let dispatcher = Dispatcher::builder("test").build().unwrap();
        let room = || Quota::new(1 << 20, "full");
        let large = Arc::new(LargeRequests::new());
        RestServer::new(dispatcher, 1 << 20, room(), room(), PATIENCE, large).unwrap()
    }

    fn caller() -> Holder {
        Holder::of(&CallContext::unknown("/s/m"))
    }

    /// 5,000 bytes are 2,000 payloads, written out.
    #[tokio::test]
    async fn others_go_on_while_a_small_body_of_many_payloads_is_converted() {
        let server = server();
        let (go_on, told) = mpsc::channel();
        let converted = server.in_turn(caller(), 5_000, move || {
            told.recv_timeout(PATIENCE).map_err(|_| Status::internal("nothing went on meanwhile"))
        });
        let (converted, sent) = tokio::join!(converted, async { go_on.send(()) });
        assert_eq!((converted, sent), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn a_conversion_keeps_its_turn_also_where_nobody_waits_for_it_any_more() {
        let server = server();
        let (go_on, told) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let first = server.in_turn(caller(), LARGE_BYTES + 1, move || {
            begun.send(()).ok();
            told.recv_timeout(PATIENCE).ok();
            Ok(())
        });
        tokio::select! {
            biased;
            _ = first => panic!("nobody let it go on"),
            begun = begins => begun.unwrap(),
        }
        let next = server.turns.enter(caller(), 1).unwrap();
        assert!(next.turn().now_or_never().is_none(), "the first has its turn still");
        go_on.send(()).unwrap();
        tokio::time::timeout(PATIENCE, next.turn()).await.expect("given back");
    }
}
