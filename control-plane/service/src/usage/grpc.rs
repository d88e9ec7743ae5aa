use std::time::Duration;

use async_trait::async_trait;
use atoll_internal_api::usage::v1::{ListUsageRequest, UsageRow, usage_service};
use atoll_rpc::{CallOptions, InvalidAddress, RawClient, wire_time};
use atoll_secret::Secret;

use super::{HourlyUsage, UsageKind, UsageSource, UsageUnavailable};

/// Rows asked for at once.
const PAGE_SIZE: i32 = 10_000;
/// Pages read for one call; more is refused rather than kept in memory.
const MAX_PAGES: usize = 100;
/// Times that a list of several pages is read, where usage changes meanwhile.
const MAX_READS: usize = 5;
/// How long one page may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads usage from metering's usage service.
#[derive(Debug)]
pub(crate) struct GrpcUsageSource {
    client: RawClient,
    token: Secret,
}

impl GrpcUsageSource {
    /// A source at `host:port`, shown `token` as bearer token.
    pub(crate) fn new(address: &str, token: &Secret) -> Result<Self, InvalidAddress> {
        Ok(Self { client: RawClient::new(address)?, token: token.clone() })
    }
}

#[async_trait]
impl UsageSource for GrpcUsageSource {
    async fn hourly(
        &self,
        account_id: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<HourlyUsage>, UsageUnavailable> {
        let request = ListUsageRequest {
            account_id: account_id.to_owned(),
            start_time: Some(wire_time::from_millis(start_ms)),
            end_time: Some(wire_time::from_millis(end_ms)),
            page_size: PAGE_SIZE,
            ..ListUsageRequest::default()
        };
        for _ in 0..MAX_READS {
            if let Some(usage) = self.read(request.clone()).await? {
                return Ok(usage);
            }
        }
        Err(UsageUnavailable("usage kept changing while it was read".to_owned()))
    }
}

impl GrpcUsageSource {
    /// All pages of a list; none where usage changed between two of them, or another process of metering answered that
    /// is behind.
    async fn read(
        &self,
        mut request: ListUsageRequest,
    ) -> Result<Option<Vec<HourlyUsage>>, UsageUnavailable> {
        let mut usage = Vec::new();
        let mut version = None;
        for _ in 0..MAX_PAGES {
            let options = CallOptions::timeout(TIMEOUT).bearer(self.token.expose());
            let page = self.client.call(usage_service::LIST_USAGE, &request, options).await;
            let page = page.map_err(|status| UsageUnavailable(status.to_string()))?;
            if *version.get_or_insert_with(|| page.cube_version.clone()) != page.cube_version {
                return Ok(None);
            }
            for row in &page.rows {
                usage.extend(hourly(row)?);
            }
            if page.next_page_token.is_empty() {
                return Ok(Some(usage));
            }
            request.page_token = page.next_page_token;
        }
        Err(UsageUnavailable(format!("more than {MAX_PAGES} pages")))
    }
}

/// None for kinds that the Cloud API does not publish.
fn hourly(row: &UsageRow) -> Result<Option<HourlyUsage>, UsageUnavailable> {
    let malformed = |what: &str| UsageUnavailable(format!("metering sent a malformed {what}"));
    let kind = match row.kind.as_str() {
        "actions" => UsageKind::Actions,
        "active_storage" => UsageKind::ActiveStorage,
        "retained_storage" => UsageKind::RetainedStorage,
        _ => return Ok(None),
    };
    Ok(Some(HourlyUsage {
        hour_ms: row
            .hour
            .as_ref()
            .and_then(|hour| wire_time::millis(hour).ok())
            .ok_or_else(|| malformed("hour"))?,
        namespace: row.namespace.clone(),
        kind,
        quantity: row.quantity.parse().map_err(|_| malformed("quantity"))?,
        incomplete: row.incomplete,
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use atoll_api::call::{CallContext, Status};
    use atoll_internal_api::usage::v1::{ListUsageResponse, UsageService};
    use atoll_rpc::{Dispatcher, Server, ServerConfig};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Lists of two pages, of one row each. So many of them change in the middle.
    struct Changing {
        changes: usize,
        pages: AtomicUsize,
    }

    #[async_trait]
    impl UsageService for Changing {
        async fn list_usage(
            &self,
            _: &CallContext,
            request: ListUsageRequest,
        ) -> Result<ListUsageResponse, Status> {
            let page = self.pages.fetch_add(1, Ordering::Relaxed);
            let is_second = !request.page_token.is_empty();
            let version = if is_second && page / 2 < self.changes { "2" } else { "1" };
            let row = UsageRow {
                hour: Some(wire_time::from_millis(0)),
                kind: "actions".to_owned(),
                quantity: "1".to_owned(),
                ..UsageRow::default()
            };
            let next_page_token = if is_second { "" } else { "2" }.to_owned();
            Ok(ListUsageResponse { rows: vec![row], next_page_token, cube_version: version.to_owned() })
        }
    }

    #[tokio::test]
    async fn pages_of_two_versions_are_read_again() {
        for (changes, expected) in [(0, Some(2)), (1, Some(2)), (MAX_READS, None)] {
            let metering = Changing { changes, pages: AtomicUsize::new(0) };
            let dispatcher = Dispatcher::builder("metering")
                .descriptors(atoll_internal_api::descriptor_pool())
                .service(usage_service::raw(Arc::new(metering)))
                .build()
                .unwrap();
            let config = ServerConfig { listen: "127.0.0.1:0".parse().unwrap(), ..ServerConfig::default() };
            let server = Server::new(config, dispatcher).start(CancellationToken::new()).await.unwrap();
            let source = GrpcUsageSource::new(&server.local_addr().to_string(), &"token".into()).unwrap();
            let rows = source.hourly("acme1", 0, 3_600_000).await;
            assert_eq!(rows.ok().map(|rows| rows.len()), expected, "{changes}");
            server.shutdown().await;
        }
    }

    #[test]
    fn rows_are_read_exactly_or_not_at_all() {
        let row = UsageRow {
            hour: Some(wire_time::from_millis(3_600_000)),
            namespace: "orders.acct1".to_owned(),
            kind: "active_storage".to_owned(),
            quantity: u128::MAX.to_string(),
            incomplete: true,
            ..UsageRow::default()
        };
        let read = hourly(&row).unwrap().unwrap();
        assert_eq!(
            (read.hour_ms, read.kind, read.quantity),
            (3_600_000, UsageKind::ActiveStorage, u128::MAX)
        );
        assert_eq!(hourly(&UsageRow { kind: "egress".to_owned(), ..row.clone() }).unwrap(), None);
        assert!(hourly(&UsageRow { quantity: "1.5".to_owned(), ..row.clone() }).is_err());
        assert!(hourly(&UsageRow { hour: None, ..row }).is_err());
    }
}
