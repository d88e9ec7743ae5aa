use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderMap};

use super::{Handover, MethodInfo};

/// What a server knows of a call besides its request.
///
/// A call is cancelled by dropping its future: the transport does so when the client goes away or the deadline passes.
#[derive(Debug, Default)]
pub struct CallContext {
    target: Target,
    /// Metadata of the call: gRPC metadata, or HTTP headers of a REST call.
    pub headers: HeaderMap,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Address of the other end; none for calls within the process.
    pub peer: Option<SocketAddr>,
    /// How the call came in.
    pub protocol: Protocol,
    /// Who calls, once authenticated.
    pub principal: Option<Arc<Principal>>,
    /// What a layer wants to hand to later layers and to the service (grants, a resolved namespace, ...).
    pub extensions: Extensions,
    handover: Mutex<Handover>,
}

#[derive(Debug)]
enum Target {
    Known(&'static MethodInfo),
    /// The path of a method that no table lists; only raw fallbacks see it.
    Unknown(String),
}

impl Default for Target {
    fn default() -> Self {
        Self::Unknown(String::new())
    }
}

/// How a call came in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC over HTTP/2.
    Grpc,
    /// HTTP/JSON by the contract's route table.
    Rest,
    /// A function call within the process.
    #[default]
    InProcess,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What kind of caller it is.
    pub kind: PrincipalKind,
    /// Stable id within its kind: user id, service account id, key id, cell id.
    pub id: String,
    /// Account that the caller belongs to; empty for operators and cells.
    pub account: String,
    /// How people name it (an e-mail address, a key's name), for audit logs.
    pub display: String,
}

/// Kinds of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A machine identity of an account.
    ServiceAccount,
    /// A client certificate that a namespace trusts.
    Certificate,
    /// An operator of the cloud.
    Operator,
    /// Another piece of the cloud.
    Internal,
}

impl CallContext {
    /// A context for a call of `method` within the process: no metadata, no deadline.
    pub fn new(method: &'static MethodInfo) -> Self {
        Self { target: Target::Known(method), ..Self::default() }
    }

    /// A context for a call of a method that no table lists. `path` is `/service/method`.
    pub fn unknown(path: &str) -> Self {
        Self { target: Target::Unknown(path.to_owned()), ..Self::default() }
    }

    /// The method's table entry; none for a method that no table lists.
    pub fn info(&self) -> Option<&'static MethodInfo> {
        match self.target {
            Target::Known(info) => Some(info),
            Target::Unknown(_) => None,
        }
    }

    /// `/service/method`.
    pub fn path(&self) -> &str {
        match &self.target {
            Target::Known(info) => info.path,
            Target::Unknown(path) => path,
        }
    }

    /// Full name of the service.
    pub fn service(&self) -> &str {
        match &self.target {
            Target::Known(info) => info.service,
            Target::Unknown(path) => split(path).0,
        }
    }

    /// Name of the method within its service.
    pub fn method(&self) -> &str {
        match &self.target {
            Target::Known(info) => info.name,
            Target::Unknown(path) => split(path).1,
        }
    }

    /// A header's value, where it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token of `authorization: Bearer <token>`; none without one, under another scheme, or where it is empty.
    ///
    /// The scheme's case does not matter, nor how many spaces follow it (RFC 7235, 2.1; RFC 6750, 2.1).
    pub fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        let token = token.trim_matches(' ');
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// Leaves with the call what was done for its caller alone. A call hands over one thing at most: what was left
    /// before is lost.
    pub fn hand_over(&self, handover: Handover) {
        let before = {
            let mut place = self.handover.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, handover)
        };
        drop(before);
    }

    /// Takes it out, for whoever carries the answer.
    pub fn take_handover(&mut self) -> Handover {
        std::mem::take(self.handover.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Time from `now` until the deadline: zero once it has passed, none without one. `now` is that of the runtime's
    /// clock, by which the deadline is held: a test may have paused it.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(now))
    }
}

fn split(path: &str) -> (&str, &str) {
    path.trim_start_matches('/').rsplit_once('/').unwrap_or((path, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlisted_path_still_has_service_and_method() {
        let ctx = CallContext::unknown("/a.b.Service/Do");
        assert_eq!((ctx.service(), ctx.method(), ctx.path()), ("a.b.Service", "Do", "/a.b.Service/Do"));
        assert!(ctx.info().is_none());
    }

    #[test]
    fn a_bearer_token_stands_behind_its_scheme_in_any_case() {
        let token = |header: &str| {
            let mut ctx = CallContext::unknown("/s/m");
            ctx.headers.insert("authorization", header.parse().unwrap());
            ctx.bearer_token().map(str::to_owned)
        };
        for right in ["Bearer a.b", "bearer a.b", "BEARER a.b", "bEaReR  a.b ", "Bearer   a.b"] {
            assert_eq!(token(right).as_deref(), Some("a.b"), "{right:?}");
        }
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer   ",
            "Bearera.b",
            "Basic a.b",
            "a.b",
            " Bearer a.b",
            "Bearer\ta.b",
        ] {
            assert_eq!(token(wrong), None, "{wrong:?}");
        }
        assert_eq!(CallContext::unknown("/s/m").bearer_token(), None);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do, and there is no runtime")]
    fn a_passed_deadline_leaves_nothing() {
        let (mut ctx, now) = (CallContext::unknown("/s/m"), Instant::now());
        assert_eq!(ctx.remaining(now), None);
        ctx.deadline = Some(now);
        assert_eq!(ctx.remaining(now + Duration::from_millis(1)), Some(Duration::ZERO));
    }
}
