//! A service that another process answers.

use std::time::{Duration, Instant};

use atoll_api::call::{
    BoxFuture, Bytes, CallContext, Decodes, MethodInfo, RawService, Reply, ServiceInfo, Status,
};
use atoll_rpc::{CallOptions, InvalidAddress, RawClient};
use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::caller::{CALLER_HEADER, ForwardedCaller};

/// How long a call without a deadline may take: closing a month runs a workflow.
const LONGEST_CALL: Duration = Duration::from_secs(120);

/// Forwards the calls of one service as bytes, with the internal token and the caller.
pub(crate) struct ForwardService {
    service: &'static ServiceInfo,
    client: RawClient,
    authorization: HeaderValue,
}

/// Why a service cannot be forwarded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The internal token does not fit into a header.
    #[error("the internal token has characters that a header cannot carry")]
    Token,
}

impl ForwardService {
    /// Forwards `service` to the process at `address`.
    pub(crate) fn new(
        service: &'static ServiceInfo,
        address: &str,
        internal_token: &str,
    ) -> Result<Self, ForwardError> {
        let authorization = HeaderValue::from_str(&format!("Bearer {internal_token}"));
        let mut authorization = authorization.map_err(|_| ForwardError::Token)?;
        authorization.set_sensitive(true);
        Ok(Self { service, client: RawClient::new(address)?, authorization })
    }

    async fn forward(&self, ctx: &CallContext, method: &MethodInfo, body: Bytes) -> Result<Reply, Status> {
        let caller = ForwardedCaller::of(ctx).as_ref().and_then(ForwardedCaller::to_header);
        let caller = caller.ok_or_else(|| Status::unauthenticated("a valid API key is required"))?;
        let mut options = CallOptions::forwarding(ctx)?;
        options.headers.insert(AUTHORIZATION, self.authorization.clone());
        options.headers.insert(CALLER_HEADER, caller);
        options.deadline = options.deadline.or_else(|| Instant::now().checked_add(LONGEST_CALL));
        self.client.call_raw(method.path, options, body).await
    }
}

impl RawService for ForwardService {
    fn info(&self) -> &'static ServiceInfo {
        self.service
    }

    fn decodes(&self, _method: &'static MethodInfo) -> Decodes {
        Decodes::Nothing
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>> {
        Box::pin(self.forward(ctx, method, body))
    }
}
