//! Metering's usage service in another process.

use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Method, Status};
use atoll_internal_api::usage::v1::{self as pb, UsageService, usage_service};
use atoll_rpc::{CallOptions, RawClient};
use atoll_secret::Secret;

/// How long one call may take: a page of usage is a scan of at most 10,000 rows.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The usage service of metering at an address. Failures are the server's; a lost connection is UNAVAILABLE, and the
/// next call connects again.
pub struct RemoteUsageService {
    client: RawClient,
    key: Secret,
}

impl RemoteUsageService {
    /// Calls through `client` with an operator key: billing reads every account's usage.
    pub fn new(client: RawClient, key: Secret) -> Self {
        Self { client, key }
    }

    async fn call<Q, A>(&self, method: Method<Q, A>, request: Q) -> Result<A, Status>
    where
        Q: prost::Message,
        A: prost::Message + Default,
    {
        let options = CallOptions::timeout(CALL_TIMEOUT).bearer(self.key.expose());
        self.client.call(method, &request, options).await
    }
}

#[async_trait]
impl UsageService for RemoteUsageService {
    async fn list_usage(
        &self,
        _ctx: &CallContext,
        request: pb::ListUsageRequest,
    ) -> Result<pb::ListUsageResponse, Status> {
        self.call(usage_service::LIST_USAGE, request).await
    }

    async fn get_completeness(
        &self,
        _ctx: &CallContext,
        request: pb::GetCompletenessRequest,
    ) -> Result<pb::GetCompletenessResponse, Status> {
        self.call(usage_service::GET_COMPLETENESS, request).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atoll_rpc::{Dispatcher, Server, ServerConfig};
    use billing_core::line::Period;
    use billing_core::month::Month;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::usage_source::{UsageServiceSource, UsageSource, UsageSourceError};

    /// Complete for whoever carries the key.
    struct Metering;

    #[async_trait]
    impl UsageService for Metering {
        async fn get_completeness(
            &self,
            ctx: &CallContext,
            request: pb::GetCompletenessRequest,
        ) -> Result<pb::GetCompletenessResponse, Status> {
            if ctx.header("authorization") != Some("Bearer id.secret") {
                return Err(Status::unauthenticated("no key"));
            }
            Ok(pb::GetCompletenessResponse {
                complete: true,
                complete_until: request.end_time,
                cube_version: "7".to_owned(),
                ..Default::default()
            })
        }
    }

    #[tokio::test]
    async fn metering_is_asked_over_the_wire_with_the_key() {
        let dispatcher = Dispatcher::builder("metering")
            .descriptors(atoll_internal_api::descriptor_pool())
            .service(usage_service::raw(Arc::new(Metering)))
            .build()
            .unwrap();
        let config = ServerConfig { listen: "127.0.0.1:0".parse().unwrap(), ..ServerConfig::default() };
        let server = Server::new(config, dispatcher).start(CancellationToken::new()).await.unwrap();
        let address = server.local_addr().to_string();
        let source = |key: &str| {
            let client = RawClient::new(&address).unwrap();
            UsageServiceSource::new(Arc::new(RemoteUsageService::new(client, key.into())))
        };
        let month: Period = "2026-01".parse::<Month>().unwrap().into();

        let completeness = source("id.secret").completeness(month).await.unwrap();
        assert_eq!((&*completeness.version.name, completeness.complete_until), ("7", Some(month.end)));
        let refused = source("other").completeness(month).await.unwrap_err();
        assert!(matches!(refused, UsageSourceError::Malformed(_)), "{refused}");

        server.shutdown().await;
        let away = source("id.secret").completeness(month).await.unwrap_err();
        assert!(matches!(away, UsageSourceError::Unavailable(_)), "{away}");
    }
}
