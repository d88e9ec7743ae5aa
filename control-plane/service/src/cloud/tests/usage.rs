use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::usage::v1::{RecordType, RecordUnit};

use crate::test_support::TestCloud;
use crate::usage::{HourlyUsage, UsageKind, UsageSource, UsageUnavailable};

/// One action and 2,000 byte-milliseconds in every sixth hour of two namespaces.
struct Fixed;

#[async_trait]
impl UsageSource for Fixed {
    async fn hourly(
        &self,
        account_id: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<HourlyUsage>, UsageUnavailable> {
        let mut usage = Vec::new();
        for hour_ms in (start_ms..end_ms).step_by(6 * 3_600_000) {
            for name in ["a", "b"] {
                for (kind, quantity) in [(UsageKind::Actions, 1), (UsageKind::RetainedStorage, 2_000)] {
                    let namespace = format!("{name}.{account_id}");
                    usage.push(HourlyUsage { hour_ms, namespace, kind, quantity, incomplete: false });
                }
            }
        }
        Ok(usage)
    }
}

#[tokio::test]
async fn usage_is_shown_by_day_and_namespace_page_by_page() {
    let test = TestCloud::with_usage(&["a"], Some(Arc::new(Fixed))).await;
    let account = test.account("acme").await;
    let mut request = cloud::GetUsageRequest { page_size: 7, ..Default::default() };
    let mut groups = Vec::new();
    loop {
        let page = test.call(&account.token, cloud_service::GET_USAGE, &request).await.unwrap();
        for summary in page.summaries {
            for group in summary.record_groups {
                let values: Vec<_> = group.records.iter().map(|r| (r.r#type(), r.unit(), r.value)).collect();
                assert_eq!(
                    values,
                    [
                        (RecordType::Actions, RecordUnit::Number, 4.0),
                        (RecordType::RetainedStorage, RecordUnit::ByteSeconds, 8.0)
                    ]
                );
                groups.push((summary.start_time.unwrap().seconds, group.group_bys[0].value.clone()));
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(groups.len(), 2 * 15, "two namespaces on the first fifteen days of the month");
    assert!(groups.is_sorted() && groups.windows(2).all(|pair| pair[0] != pair[1]));
}

#[tokio::test]
async fn without_metering_usage_is_unavailable() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let request = cloud::GetUsageRequest::default();
    let status = test.call(&account.token, cloud_service::GET_USAGE, &request).await.unwrap_err();
    assert_eq!(status.code, Code::Unavailable);
}
