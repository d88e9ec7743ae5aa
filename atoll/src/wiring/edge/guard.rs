//! Lets the cloud's own pieces in, and whoever they speak for.

use std::sync::Arc;

use atoll_api::call::{CallContext, Principal, PrincipalKind, Status};
use atoll_rpc::{Gate, Interceptor};
use sha2::{Digest, Sha256};

use super::caller::{CALLER_HEADER, ForwardedCaller};

/// Asks for the internal token. Who brings it is a piece of the cloud, or the caller that it names.
pub(crate) struct InternalGuard {
    /// Compared as digests: how long that takes says nothing about the token.
    token: [u8; 32],
}

impl InternalGuard {
    /// Asks for `token`.
    pub(crate) fn new(token: &str) -> Self {
        Self { token: digest(token) }
    }

    fn enter(&self, ctx: &mut CallContext) -> Result<(), Status> {
        if ctx.bearer_token().map(digest) != Some(self.token) {
            return Err(Status::unauthenticated("this is for pieces of the cloud only"));
        }
        match ctx.headers.remove(CALLER_HEADER) {
            None => {
                ctx.principal = Some(Arc::new(Principal {
                    kind: PrincipalKind::Internal,
                    id: "internal".to_owned(),
                    account: String::new(),
                    display: "internal".to_owned(),
                }));
                Ok(())
            }
            Some(caller) => {
                let caller = ForwardedCaller::from_header(&caller);
                caller.ok_or_else(|| Status::invalid_argument("malformed caller"))?.enter(ctx);
                Ok(())
            }
        }
    }
}

impl Interceptor for InternalGuard {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        self.enter(ctx).into()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
