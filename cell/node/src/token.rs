//! A token that every call must bring.

use atoll_api::call::{CallContext, Principal, PrincipalKind, Status};
use atoll_rpc::{Gate, Interceptor};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Refuses calls without the bearer token; kept as a digest.
pub(crate) struct RequireToken([u8; 32]);

impl RequireToken {
    pub(crate) fn new(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    fn admits(&self, ctx: &CallContext) -> bool {
        let given = ctx.bearer_token();
        let digest: [u8; 32] = Sha256::digest(given.unwrap_or_default().as_bytes()).into();
        given.is_some() && bool::from(digest.ct_eq(&self.0))
    }
}

impl Interceptor for RequireToken {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        if !self.admits(ctx) {
            return Gate::Now(Err(Status::unauthenticated("the cell's token is required")));
        }
        ctx.principal = Some(Arc::new(Principal {
            kind: PrincipalKind::Internal,
            id: "control-plane".into(),
            account: String::new(),
            display: "control plane".into(),
        }));
        Gate::Now(Ok(()))
    }
}
