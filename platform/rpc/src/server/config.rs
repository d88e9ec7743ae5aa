use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use super::edge::Net;

/// How a server listens and what it bears.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Largest request in bytes: a gRPC message, before and after decompression, or a REST body.
    pub max_message_bytes: usize,
    /// Bytes of requests that are held at a time: of those on their way with their headers, and while their call goes
    /// on of large ones, with what these take once they are decoded, and of headers of more than 4 KiB.
    /// What comes beyond is refused with RESOURCE_EXHAUSTED, and from one caller, an account or where there is none an
    /// address, what would leave less free than the caller holds: half of all at most. Requests that come in one frame
    /// are not counted, and weighed only from 2 KiB on.
    pub max_bodies_bytes: usize,
    /// Bytes of answers that are held at a time until the system has taken them for their callers. What comes beyond is
    /// refused as with requests, and from one caller as well. Answers of less than a KiB are not counted: they are no
    /// more than what the stream of a call takes itself.
    pub max_answers_bytes: usize,
    /// gRPC answers from this many bytes on are compressed for callers that accept it. Compressing costs more processor
    /// time than serving a small call, and saves traffic only for large answers.
    pub gzip_min_bytes: usize,
    /// Connections at a time; further ones wait in the system's queue. Of a stranger's address, or net of IPv6, those
    /// are closed at once that would leave fewer free than it has: it has half of all at most.
    pub max_connections: usize,
    /// Calls at a time on one HTTP/2 connection of the cloud's own, where only these connect. Long polls count, and a
    /// gateway shares few connections among all callers.
    pub max_streams_per_connection: u32,
    /// Calls at a time on one HTTP/2 connection of a stranger. A worker has some hundred long polls on one; a client
    /// that has more calls waits, or connects once more.
    pub max_streams_per_stranger: u32,
    /// Whether only the cloud's own pieces connect. Their connections carry the calls of many callers, and end for
    /// nothing that becomes of single ones. A stranger's ends when it leaves an answer lying, and when it has had its
    /// server reset a thousand calls: one who reads nothing would have the resets gather here.
    pub only_own_peers: bool,
    /// Proxies that strangers come through, by address or net: nobody else connects from there. Only such as write the
    /// address that they took a request from behind all else in `x-forwarded-for`, or in place of all else, whatever
    /// the request brought: behind one that passes connections or that header on unseen, every stranger would say
    /// himself who he is. A connection of one carries the calls of many callers: it has as many at a time as one of the
    /// cloud's own, and only the single call ends that leaves its answer lying. Each call is that of the address which
    /// stands last in the header. Where none does they are all the proxy's own, and share what one stranger may have.
    /// Of anybody else that header says nothing.
    pub trusted_peers: Vec<Net>,
    /// Seconds in which a connection must show which protocol it speaks, and then make a call that does not fail, or an
    /// HTTP/1 one must send its next request. Questions for health are no calls.
    pub header_timeout_seconds: u64,
    /// Seconds without a call after which a connection is closed; its client connects again when it has one.
    pub idle_seconds: u64,
    /// Seconds in which a request's body must arrive.
    pub body_timeout_seconds: u64,
    /// Seconds after which, and after twice that at most, a stranger's connection is closed of which an answer, or a
    /// part of it, still waits to be taken by its peer. On a trusted proxy's HTTP/2 connection the call of that answer
    /// is reset, and the connection is closed where it takes nothing at all.
    pub answer_timeout_seconds: u64,
    /// Seconds between pings on a quiet HTTP/2 connection. What clients send is never refused as too frequent.
    pub keepalive_seconds: u64,
    /// Seconds after which an unanswered ping closes the connection.
    pub keepalive_timeout_seconds: u64,
    /// Seconds that running calls get to finish when the server stops.
    pub drain_seconds: u64,
    /// Whether gRPC reflection is served.
    pub reflection: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            max_message_bytes: 4 * 1024 * 1024,
            max_bodies_bytes: 256 * 1024 * 1024,
            max_answers_bytes: 256 * 1024 * 1024,
            gzip_min_bytes: 16 * 1024,
            max_connections: 20_000,
            max_streams_per_connection: 20_000,
            max_streams_per_stranger: 1_000,
            only_own_peers: false,
            trusted_peers: Vec::new(),
            header_timeout_seconds: 30,
            idle_seconds: 300,
            body_timeout_seconds: 60,
            answer_timeout_seconds: 60,
            keepalive_seconds: 60,
            keepalive_timeout_seconds: 20,
            drain_seconds: 10,
            reflection: true,
        }
    }
}
