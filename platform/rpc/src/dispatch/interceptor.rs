use atoll_api::call::{BoxFuture, Bytes, CallContext, Reply, Status};

/// Sees every call before and after its service: authentication, authorization, limits, audit.
///
/// Interceptors run in the order in which they were added, and back in reverse.
pub trait Interceptor: Send + Sync + 'static {
    /// Runs on the call's metadata alone, before its message is read: whoever is refused here has nothing read,
    /// unpacked or converted. All interceptors are asked this before any runs [`before`](Self::before). It may fill in
    /// `ctx`.
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        let _ = ctx;
        Gate::Now(Ok(()))
    }

    /// Runs before the service. It may fill in `ctx` (principal, extensions); `body` is the encoded request. Refusing
    /// ends the call: neither later interceptors nor the service see it.
    fn before<'a>(&'a self, ctx: &'a mut CallContext, body: &'a Bytes) -> Gate<'a> {
        let _ = (ctx, body);
        Gate::Now(Ok(()))
    }

    /// Runs once the outcome is known, also where this or a later interceptor refused, and may change it.
    ///
    /// Does *not* run when the call's future is dropped (the client went away), nor where the message did not come.
    /// What must be given back in any case, such as a permit, belongs into `ctx.extensions`, which is dropped with the
    /// call.
    fn after(&self, ctx: &CallContext, outcome: &mut Result<Reply, Status>) {
        let _ = (ctx, outcome);
    }
}

/// What an interceptor decides: at once, which costs nothing, or after waiting for something.
pub enum Gate<'a> {
    /// Go on, or refuse.
    Now(Result<(), Status>),
    /// The decision needs I/O.
    Later(BoxFuture<'a, Result<(), Status>>),
}

impl Gate<'_> {
    pub(super) async fn decide(self) -> Result<(), Status> {
        match self {
            Self::Now(decision) => decision,
            Self::Later(decision) => decision.await,
        }
    }
}

impl From<Result<(), Status>> for Gate<'_> {
    fn from(decision: Result<(), Status>) -> Self {
        Self::Now(decision)
    }
}
