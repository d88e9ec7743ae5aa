use super::{Caller, KeySet};
use atoll_api::call::{CallContext, Status};
use atoll_rpc::{Clock, Gate, Interceptor};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Whether callers must say who they are.
#[derive(Clone)]
pub enum AuthMode {
    /// Anybody may do anything: a lone cell on a developer's machine.
    Open,
    /// Callers bring an API key of this set, or the internal token.
    Keys(Arc<KeySet>),
}

/// The token by which other pieces of the cloud call a cell; kept as a digest.
#[derive(Clone)]
pub struct InternalToken {
    sha256: [u8; 32],
    caller: Arc<Caller>,
}

impl InternalToken {
    /// The token `secret`, whose bearer is called `name` in logs.
    pub fn new(name: &str, secret: &str) -> Self {
        Self { sha256: Sha256::digest(secret.as_bytes()).into(), caller: Arc::new(Caller::internal(name)) }
    }
}

/// Finds out who calls, from `authorization: Bearer ...`, and puts the principal into the context.
pub struct Authenticate {
    mode: AuthMode,
    internal: Option<InternalToken>,
    clock: Arc<dyn Clock>,
}

impl Authenticate {
    /// Authentication by `mode`; the internal token counts beside the keys.
    pub fn new(mode: AuthMode, internal: Option<InternalToken>, clock: Arc<dyn Clock>) -> Self {
        Self { mode, internal, clock }
    }

    fn caller(&self, keys: &KeySet, ctx: &CallContext) -> Option<Arc<Caller>> {
        let token = ctx.bearer_token()?;
        if let Some(internal) = &self.internal {
            let given: [u8; 32] = Sha256::digest(token.as_bytes()).into();
            if bool::from(given.ct_eq(&internal.sha256)) {
                return Some(Arc::clone(&internal.caller));
            }
        }
        keys.caller(token, self.clock.unix_millis().div_euclid(1_000))
    }
}

impl Interceptor for Authenticate {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        let AuthMode::Keys(keys) = &self.mode else { return Gate::Now(Ok(())) };
        let Some(caller) = self.caller(keys, ctx) else {
            return Gate::Now(Err(Status::unauthenticated("a valid API key is required")));
        };
        ctx.principal = Some(Arc::clone(&caller.principal));
        ctx.extensions.insert(caller);
        Gate::Now(Ok(()))
    }
}
