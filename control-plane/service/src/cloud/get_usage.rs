use std::collections::BTreeMap;

use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetUsageRequest, GetUsageResponse};
use atoll_api::temporal::api::cloud::usage::v1::{
    GroupBy, GroupByKey, Record, RecordGroup, RecordType, RecordUnit, Summary,
};
use atoll_rpc::wire_time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{CloudApi, tenant};
use crate::error::ApiError;
use crate::page::Page;
use crate::usage::{HourlyUsage, UsageKind};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How far back usage is shown.
const MAX_AGE_DAYS: i64 = 90;
/// Metering's unit of storage in the published one.
const BYTE_MILLISECONDS_PER_BYTE_SECOND: f64 = 1_000.0;

/// Usage of one namespace on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct NamespaceDay {
    records: BTreeMap<UsageKind, u128>,
    incomplete: bool,
}

/// Shows the account's usage by UTC day and namespace. Sums are exact until they become the published doubles.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetUsageRequest,
) -> Result<GetUsageResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let period = format!("{:?} {:?}", request.start_time_inclusive, request.end_time_exclusive);
    let list = ["GetUsage", &tenant.account_id, &period];
    let page = Page::parse(&list, request.page_size, &request.page_token)?;
    let (start_ms, end_ms) = range(&request, api.now_ms())?;
    let source =
        api.usage.as_ref().ok_or_else(|| ApiError::Unavailable("usage is not available".to_owned()))?;
    let hours = source
        .hourly(&tenant.account_id, start_ms, end_ms)
        .await
        .map_err(|error| ApiError::Unavailable(error.to_string()))?;
    let mut days: Vec<_> = by_day(&hours)
        .into_iter()
        .filter(|((day, namespace), _)| position(*day, namespace) > page.after)
        .collect();
    days.truncate(page.size + 1);
    let next_page_token = page.cut(&mut days, |((day, namespace), _)| position(*day, namespace));
    Ok(GetUsageResponse { summaries: summaries(days), next_page_token })
}

/// Where a namespace's day stands in the list, as text that sorts like it.
fn position(day_ms: i64, namespace: &str) -> String {
    format!("{day_ms:016}/{namespace}")
}

fn range(request: &GetUsageRequest, now_ms: i64) -> Result<(i64, i64), ApiError> {
    let invalid = |text: &str| ApiError::InvalidArgument(text.to_owned());
    let today = now_ms.div_euclid(DAY_MS) * DAY_MS;
    let oldest = today - MAX_AGE_DAYS * DAY_MS;
    // From whole seconds only: a fraction would be rounded away, and what is left might be a midnight.
    let whole = |time: &prost_types::Timestamp| wire_time::millis(time).ok().filter(|_| time.nanos == 0);
    let given = |time: Option<&prost_types::Timestamp>, default: i64| match time.map(whole) {
        None => Ok(default),
        Some(Some(ms)) if ms % DAY_MS == 0 && (oldest..=today + DAY_MS).contains(&ms) => Ok(ms),
        Some(_) => Err(invalid("usage times must be midnight UTC within the last 90 days")),
    };
    let start_ms = given(request.start_time_inclusive.as_ref(), month_start(now_ms)?)?;
    let end_ms = given(request.end_time_exclusive.as_ref(), today + DAY_MS)?;
    if start_ms >= end_ms {
        return Err(invalid("start_time_inclusive must be before end_time_exclusive"));
    }
    Ok((start_ms, end_ms))
}

fn month_start(now_ms: i64) -> Result<i64, ApiError> {
    let first = Timestamp::from_millisecond(now_ms)
        .and_then(|now| now.to_zoned(TimeZone::UTC).first_of_month())
        .and_then(|first| first.start_of_day());
    first
        .map(|first| first.timestamp().as_millisecond())
        .map_err(|error| ApiError::Unavailable(format!("the clock is out of range: {error}")))
}

fn by_day(hours: &[HourlyUsage]) -> BTreeMap<(i64, String), NamespaceDay> {
    let mut days: BTreeMap<(i64, String), NamespaceDay> = BTreeMap::new();
    for hour in hours {
        let day = hour.hour_ms.div_euclid(DAY_MS) * DAY_MS;
        let entry = days.entry((day, hour.namespace.clone())).or_default();
        let sum = entry.records.entry(hour.kind).or_default();
        *sum = sum.saturating_add(hour.quantity);
        entry.incomplete |= hour.incomplete;
    }
    days
}

/// One summary per day, with a group per namespace.
fn summaries(days: Vec<((i64, String), NamespaceDay)>) -> Vec<Summary> {
    let mut summaries: Vec<Summary> = Vec::new();
    for ((day, namespace), usage) in days {
        let start = wire_time::from_millis(day);
        if summaries.last().is_none_or(|last| last.start_time != Some(start)) {
            summaries.push(Summary {
                start_time: Some(start),
                end_time: Some(wire_time::from_millis(day + DAY_MS)),
                ..Summary::default()
            });
        }
        let summary = summaries.last_mut().expect("just pushed");
        summary.incomplete |= usage.incomplete;
        summary.record_groups.push(RecordGroup {
            group_bys: vec![GroupBy { key: GroupByKey::Namespace.into(), value: namespace }],
            records: usage.records.into_iter().map(record).collect(),
        });
    }
    summaries
}

fn record((kind, quantity): (UsageKind, u128)) -> Record {
    let (record_type, unit, per_unit) = match kind {
        UsageKind::Actions => (RecordType::Actions, RecordUnit::Number, 1.0),
        UsageKind::ActiveStorage => {
            (RecordType::ActiveStorage, RecordUnit::ByteSeconds, BYTE_MILLISECONDS_PER_BYTE_SECOND)
        }
        UsageKind::RetainedStorage => {
            (RecordType::RetainedStorage, RecordUnit::ByteSeconds, BYTE_MILLISECONDS_PER_BYTE_SECOND)
        }
    };
    Record { r#type: record_type.into(), unit: unit.into(), value: quantity as f64 / per_unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64, namespace: &str, kind: UsageKind, quantity: u128, incomplete: bool) -> HourlyUsage {
        HourlyUsage { hour_ms: hour * 3_600_000, namespace: namespace.to_owned(), kind, quantity, incomplete }
    }

    #[test]
    fn hours_add_up_to_days_and_one_open_hour_marks_its_day() {
        let hours = [
            hour(1, "a.acct1", UsageKind::Actions, 3, false),
            hour(23, "a.acct1", UsageKind::Actions, 4, false),
            hour(24, "a.acct1", UsageKind::Actions, 5, true),
            hour(2, "b.acct1", UsageKind::ActiveStorage, 1_500, false),
        ];
        let summaries = summaries(by_day(&hours).into_iter().collect());
        assert_eq!(summaries.len(), 2);
        assert_eq!(summaries.iter().map(|day| day.incomplete).collect::<Vec<_>>(), [false, true]);
        let values: Vec<f64> = summaries
            .iter()
            .flat_map(|day| &day.record_groups)
            .flat_map(|group| &group.records)
            .map(|record| record.value)
            .collect();
        assert_eq!(values, [7.0, 1.5, 5.0]);
    }

    #[test]
    fn ranges_default_to_the_month_and_keep_to_midnights() {
        let now = "2026-03-15T10:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        let at =
            |text: &str| Some(wire_time::from_millis(text.parse::<Timestamp>().unwrap().as_millisecond()));
        let asked = |start, end| {
            range(
                &GetUsageRequest {
                    start_time_inclusive: start,
                    end_time_exclusive: end,
                    ..Default::default()
                },
                now,
            )
        };
        let (start, end) = asked(None, None).unwrap();
        assert_eq!(Some(wire_time::from_millis(start)), at("2026-03-01T00:00:00Z"));
        assert_eq!(Some(wire_time::from_millis(end)), at("2026-03-16T00:00:00Z"));
        assert!(asked(at("2026-03-01T01:00:00Z"), None).is_err());
        assert!(asked(at("2025-11-01T00:00:00Z"), None).is_err());
        assert!(asked(at("2026-03-10T00:00:00Z"), at("2026-03-10T00:00:00Z")).is_err());
        assert!(asked(at("2026-03-10T00:00:00Z"), at("2026-03-11T00:00:00Z")).is_ok());
    }
}
