//! Unary gRPC calls as bytes over few, kept connections.

mod connection;
mod exchange;
mod slot;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use atoll_api::call::{Bytes, CallContext, Method, Reply, Status};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use prost::Message;

use crate::grpc::Packed;
use slot::Slot;

/// Largest answer that a client takes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Metadata that a call is passed on with, bytes: names, values, and what HTTP/2 counts for each. What a server takes
/// is several times that, for some characters are four times as long on the wire, and a block beyond what a server
/// takes ends the connection that all callers share.
pub const MAX_FORWARDED_HEADERS: usize = 16 * 1024;

/// What HTTP/2 counts for a header beside its name and value.
const HEADER_OVERHEAD: usize = 32;

/// A client of one server. Connects at the first call, keeps its connections, connects again when one is lost.
///
/// Calls share its connections, and none ends one: neither one that is given up, however late its answer comes, nor one
/// that is refused. One whose time is over is not sent.
///
/// A call that never reached the server because its connection was gone is sent again, once. Anything else is for the
/// caller to repeat: only it knows whether that is safe.
pub struct RawClient {
    /// `host:port`.
    authority: String,
    slots: Vec<Slot>,
    next: AtomicUsize,
}

/// The address is not `host:port` or `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address: expected host:port or http://host:port")]
pub struct InvalidAddress(String);

/// Metadata and patience of one call.
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    /// Metadata to send. What belongs to the transport is left out, so that a forwarder can pass on what it got.
    pub headers: HeaderMap,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Whether the message is gzipped.
    pub packed: bool,
}

impl CallOptions {
    /// Gives up after `timeout`.
    pub fn timeout(timeout: Duration) -> Self {
        Self {
            headers: HeaderMap::new(),
            deadline: tokio::time::Instant::now().into_std().checked_add(timeout),
            packed: false,
        }
    }

    /// Those of a call that is passed on as it came. Refuses metadata beyond [`MAX_FORWARDED_HEADERS`].
    pub fn forwarding(ctx: &CallContext) -> Result<Self, Status> {
        let sizes =
            ctx.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD);
        if sizes.sum::<usize>() > MAX_FORWARDED_HEADERS {
            let text = format!("the call's metadata is more than {MAX_FORWARDED_HEADERS} bytes");
            return Err(Status::resource_exhausted(text));
        }
        let packed = ctx.extensions.get::<Packed>().is_some();
        Ok(Self { headers: ctx.headers.clone(), deadline: ctx.deadline, packed })
    }

    /// Adds metadata. A value that is not visible ASCII is left out.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Sends `Authorization: Bearer <key>`.
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }
}

impl RawClient {
    /// A client of the server at `host:port` or `http://host:port`, with one connection. Does not connect yet.
    pub fn new(address: &str) -> Result<Self, InvalidAddress> {
        Self::with_connections(address, 1)
    }

    /// Like [`new`](Self::new) with several connections that calls take turns on: one carries about 60,000 calls a
    /// second.
    pub fn with_connections(address: &str, connections: usize) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(address.to_owned());
        let authority = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
        let uri: Uri = format!("http://{authority}/").parse().map_err(|_| invalid())?;
        if uri.port_u16().is_none() || uri.path() != "/" || uri.query().is_some() {
            return Err(invalid());
        }
        let slots = (0..connections.max(1)).map(|_| Slot::default()).collect();
        Ok(Self { authority: authority.to_owned(), slots, next: AtomicUsize::new(0) })
    }

    /// `host:port` of the server.
    pub fn address(&self) -> &str {
        &self.authority
    }

    /// Calls the method at `path` (`/service/method`) with an encoded request. The reply carries the answer's metadata.
    pub async fn call_raw(&self, path: &str, options: CallOptions, body: Bytes) -> Result<Reply, Status> {
        let Some(deadline) = options.deadline else { return self.exchange(path, options, body).await };
        let exceeded = || Err(Status::deadline_exceeded("context deadline exceeded"));
        // The first look at an exchange sends it, and a second frame would have to take it back.
        if deadline <= tokio::time::Instant::now().into_std() {
            return exceeded();
        }
        let exchange = self.exchange(path, options, body);
        tokio::time::timeout_at(deadline.into(), exchange).await.unwrap_or_else(|_| exceeded())
    }

    /// Calls a method with its own types.
    pub async fn call<Request, Response>(
        &self,
        method: Method<Request, Response>,
        request: &Request,
        options: CallOptions,
    ) -> Result<Response, Status>
    where
        Request: Message,
        Response: Message + Default,
    {
        let reply = self.call_raw(method.info().path, options, request.encode_to_vec().into()).await?;
        Response::decode(reply.into_message())
            .map_err(|error| Status::internal(format!("answer does not decode: {error}")))
    }

    async fn exchange(&self, path: &str, options: CallOptions, body: Bytes) -> Result<Reply, Status> {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        let request = exchange::Request::new(&self.authority, path, options, body)?;
        for _ in 0..2 {
            let connected = slot.connected(&self.authority).await?;
            match exchange::run(connected.sender, &request).await {
                Ok(outcome) => return outcome,
                Err(exchange::NotSent) => slot.forget(connected.number),
            }
        }
        Err(Status::unavailable(format!(
            "connection to {} was lost before the call was sent",
            self.authority
        )))
    }
}

impl fmt::Debug for RawClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawClient")
            .field("address", &self.authority)
            .field("connections", &self.slots.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:7233", "http://cell-a:7233", "http://[::1]:7233/"] {
            assert!(RawClient::new(good).is_ok(), "{good}");
        }
        for bad in ["", "cell-a", "https://cell-a:7233", "http://cell-a:7233/path", "a b:1"] {
            assert!(RawClient::new(bad).is_err(), "{bad}");
        }
    }
}
