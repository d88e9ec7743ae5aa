use std::future::ready;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atoll_api::call::{Bytes, CallContext, Handover, Protocol, Reply, Status};
use futures::future::Either;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version, header};
use http_body::Body;

use super::ENCODING;
use super::frame::PREFIX;
use super::gzip::{unzip, zip};
use super::metadata::{TIMEOUT, parse_timeout};
use super::packed::Packed;
use super::receive::{Received, receive};
use super::status::{ok_trailers, write_status};
use crate::body::ResponseBody;
use crate::dispatch::Dispatcher;
use crate::head::Head;
use crate::large::LargeRequests;
use crate::quota::{Holder, Quota, Reservation, UNCOUNTED_ANSWER};
use crate::weigh::Weighing;

const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Serves unary gRPC calls through a dispatcher.
pub(crate) struct GrpcServer {
    pub(crate) dispatcher: Dispatcher,
    /// Largest request message, before and after decompression.
    pub(crate) max_message_bytes: usize,
    /// What is held of requests.
    pub(crate) bodies: Arc<Quota>,
    /// What is held of answers.
    pub(crate) answers: Arc<Quota>,
    /// Answers from this size on are compressed for callers that accept it.
    pub(crate) gzip_min_bytes: usize,
    /// How long a request's message may take to arrive.
    pub(crate) body_timeout: Duration,
    /// Whose large request is unpacked and weighed next.
    pub(crate) large: Arc<LargeRequests>,
}

impl GrpcServer {
    /// Answers a call. What can be decided at once is done before the future is made: many thousands of these futures
    /// wait at a time, so that each holds little more than the call's context.
    pub(crate) fn serve<B>(
        self: &Arc<Self>,
        request: Request<B>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<ResponseBody>> + use<B>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        if request.version() != Version::HTTP_2 {
            let mut response = Response::new(ResponseBody::Empty);
            *response.status_mut() = http::StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            return Either::Left(ready(response));
        }
        let (parts, body) = request.into_parts();
        let entry = self.dispatcher.find(parts.uri.path());
        let mut ctx = match entry {
            Some(entry) => CallContext::new(self.dispatcher.method(entry)),
            None => CallContext::unknown(parts.uri.path()),
        };
        let checked = check_encoding(&parts.headers).and_then(|()| {
            ctx.deadline = call_deadline(&parts.headers)?;
            Head::of(&parts.headers, &self.bodies, Holder::at(peer))
        });
        let mut head = match checked {
            Ok(head) => head,
            Err(status) => return Either::Left(ready(self.failure(&status, Holder::at(peer)))),
        };
        let zip_answer = accepts_gzip(&parts.headers);
        ctx.headers = parts.headers;
        ctx.peer = Some(peer);
        ctx.protocol = Protocol::Grpc;
        let server = Arc::clone(self);
        Either::Right(async move {
            let admitted = server.dispatcher.admit(entry, &mut ctx).await;
            let caller = Holder::of(&ctx);
            if let ControlFlow::Break(outcome) = admitted {
                return server.answer(outcome, Handover::nothing(), caller, zip_answer).await;
            }
            if let Err(status) = head.held.pass_to(caller) {
                return server.failure(&status, caller);
            }
            // Held until the call ends: its request may be part of what waits.
            let mut held = server.bodies.reserve(caller);
            let message = match server.receive(&mut ctx, body, head.awaiting, &mut held).await {
                Ok(message) => message,
                Err(status) => return server.failure(&status, caller),
            };
            let weighing = Weighing::of(&message, &mut held, server.large.of(caller));
            let outcome = server.dispatcher.run(entry, &mut ctx, message, weighing).await;
            server.answer(outcome, ctx.take_handover(), caller, zip_answer).await
        })
    }

    async fn receive<B>(
        &self,
        ctx: &mut CallContext,
        body: B,
        beside: usize,
        held: &mut Reservation,
    ) -> Result<Bytes, Status>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let patience = now() + self.body_timeout;
        let patience = ctx.deadline.map_or(patience, |deadline| deadline.min(patience));
        let received = async {
            let Received { message, compressed } =
                receive(body, self.max_message_bytes, beside, held).await?;
            if !compressed {
                return Ok(message);
            }
            let mut slices = self.large.of(Holder::of(ctx));
            if self.dispatcher.passes_packed() {
                let looking = Packed::look(&message, ctx.info(), self.max_message_bytes, &mut slices);
                let packed = Box::pin(looking).await?;
                ctx.extensions.insert(packed);
                return Ok(message);
            }
            Box::pin(unzip(message, self.max_message_bytes, held, &mut slices)).await
        };
        tokio::time::timeout_at(patience.into(), received)
            .await
            .map_err(|_| Status::deadline_exceeded("request did not arrive in time"))?
    }

    /// The answer. What the call handed over is delivered with one that there is room for, and lost with any other.
    async fn answer(
        &self,
        outcome: Result<Reply, Status>,
        handover: Handover,
        caller: Holder,
        zip_answer: bool,
    ) -> Response<ResponseBody> {
        let answered = match outcome {
            Ok(reply) => self.success(reply, caller, zip_answer).await,
            Err(status) => Err(status),
        };
        match answered {
            Ok(response) => {
                handover.delivered();
                response
            }
            Err(status) => self.failure(&status, caller),
        }
    }

    /// The answer, for which there must be room until its connection has taken it; one that is settled takes it.
    async fn success(
        &self,
        mut reply: Reply,
        caller: Holder,
        zip_answer: bool,
    ) -> Result<Response<ResponseBody>, Status> {
        let mut held = self.answers.reserve(caller);
        let length = reply.message().len();
        if length >= UNCOUNTED_ANSWER {
            match reply.is_settled() {
                true => held.charge(length + PREFIX),
                false => held.resize(length + PREFIX)?,
            }
        }
        let mut headers = reply.take_headers().unwrap_or_default();
        headers.insert(header::CONTENT_TYPE, super::CONTENT_TYPE);
        let zipped = match zip_answer && length >= self.gzip_min_bytes {
            // Apart, so that a call that waits is no larger than waiting takes.
            true => Box::pin(zip(reply.message())).await,
            false => None,
        };
        if zipped.is_some() {
            headers.insert(ENCODING, HeaderValue::from_static("gzip"));
        }
        let frame = held.attach_to(zipped.unwrap_or_else(|| reply.into_frame()));
        let body = ResponseBody::Unary { frame: Some(frame), trailers: Some(ok_trailers()) };
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// A failure, of which the long texts are left out where there is no room for them until its connection has taken
    /// them.
    fn failure(&self, status: &Status, caller: Holder) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::Empty);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, super::CONTENT_TYPE);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip,identity"));
        write_status(status, headers, |text| {
            let mut held = self.answers.reserve(caller);
            let long = text.len() >= UNCOUNTED_ANSWER;
            if long {
                held.resize(text.len()).ok()?;
            }
            let mut value = HeaderValue::from_maybe_shared(held.attach_to(text.into())).ok()?;
            // The table of headers that were sent would hold it for as long as the connection lasts.
            value.set_sensitive(long);
            Some(value)
        });
        response
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.split(',').any(|encoding| encoding.trim() == "gzip"))
}

/// How much is repeated of an encoding that is not known.
const SHOWN_ENCODING: usize = 64;

/// Refuses encodings other than gzip. Which one a message has is known by its flag; there is only this one.
fn check_encoding(headers: &HeaderMap) -> Result<(), Status> {
    match headers.get(ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"gzip" | b"identity") => Ok(()),
        Some(other) => {
            let other = String::from_utf8_lossy(&other[..other.len().min(SHOWN_ENCODING)]);
            Err(Status::unimplemented(format!(
                "grpc: Decompressor is not installed for grpc-encoding \"{other}\""
            )))
        }
    }
}

/// When the caller stops waiting, by its `grpc-timeout`.
pub(crate) fn call_deadline(headers: &HeaderMap) -> Result<Option<Instant>, Status> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let timeout = parse_timeout(value).ok_or_else(|| Status::internal("malformed grpc-timeout"))?;
    // A timeout beyond what the clock can hold is none.
    Ok(now().checked_add(timeout))
}

/// The runtime's clock, by which deadlines are held.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use atoll_api::call::Code;

    use super::*;

    fn server(answers: usize) -> GrpcServer {
        GrpcServer {
            dispatcher: Dispatcher::builder("test").build().unwrap(),
            max_message_bytes: 1 << 20,
            bodies: Quota::new(1 << 20, "full"),
            answers: Quota::new(answers, "full"),
            gzip_min_bytes: 1 << 20,
            body_timeout: Duration::from_secs(60),
            large: Arc::new(LargeRequests::new()),
        }
    }

    #[test]
    fn long_failures_are_held_until_their_connection_has_taken_them() {
        let (server, caller) = (server(4_000), Holder::at("10.0.0.1:1".parse().unwrap()));
        let failure = |length: usize| server.failure(&Status::internal("x".repeat(length)), caller);
        let says = |response: &Response<ResponseBody>| {
            assert_eq!(response.headers()["grpc-status"], "13");
            response.headers().contains_key("grpc-message")
        };
        let first = failure(1_500);
        assert!(says(&first));
        assert!(!says(&failure(1_500)), "half of the room");
        assert!(says(&failure(1_000)), "what is short is not counted");
        drop(first);
        assert!(says(&failure(1_500)));
    }

    #[tokio::test]
    async fn an_answer_that_is_settled_leaves_without_room_for_it_and_counts() {
        let (server, caller) = (server(4_000), Holder::at("10.0.0.1:1".parse().unwrap()));
        let reply = || Reply::from_message(vec![7; 3_000].into());
        assert!(server.success(reply(), caller, false).await.is_err(), "half of the room");
        let settled = server.success(reply().settled(), caller, false).await.unwrap();
        let other = Holder::at("10.0.0.2:1".parse().unwrap());
        let small = || Reply::from_message(vec![7; 1_500].into());
        assert!(server.success(small(), other, false).await.is_err());
        drop(settled);
        assert!(server.success(small(), other, false).await.is_ok());
    }

    #[test]
    fn of_an_encoding_that_is_not_known_little_is_repeated() {
        let mut headers = HeaderMap::new();
        headers.insert(ENCODING, HeaderValue::from_bytes(&[0xff; 1_320]).unwrap());
        let refused = check_encoding(&headers).unwrap_err();
        assert_eq!(refused.code, Code::Unimplemented);
        assert!(refused.message.len() < 300, "{}", refused.message);
    }
}
