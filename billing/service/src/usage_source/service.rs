//! Usage from `atoll.usage.v1`, in this process or over gRPC: whatever implements the service's trait.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Code, Status};
use atoll_internal_api::usage::v1::{self as pb, UsageService, usage_service};
use atoll_rpc::wire_time;
use billing_core::line::Period;
use billing_core::usage::{MeteredUsage, UsageKind, UsageRow};
use jiff::Timestamp;

use super::{Completeness, CubeVersion, Exemption, MissingHour, UsageSource, UsageSourceError};

/// Rows asked for at once: the most that the service gives.
const PAGE_ROWS: i32 = 10_000;

/// Pages read for one account and month before giving up: a bound on a server that never ends. 10^8 rows are 1,000
/// namespaces with every action type in every hour of a month, three times over.
const MAX_PAGES: u32 = 10_000;

/// A [`UsageSource`] over the usage service.
pub struct UsageServiceSource {
    service: Arc<dyn UsageService>,
}

impl UsageServiceSource {
    /// Reads from `service`: metering's own in one process, or a client of it that carries billing's credentials.
    pub fn new(service: Arc<dyn UsageService>) -> Self {
        Self { service }
    }
}

#[async_trait]
impl UsageSource for UsageServiceSource {
    async fn completeness(&self, period: Period) -> Result<Completeness, UsageSourceError> {
        let ctx = CallContext::new(usage_service::GET_COMPLETENESS.info());
        let request = pb::GetCompletenessRequest {
            start_time: Some(wire_time::from_instant(period.start)),
            end_time: Some(wire_time::from_instant(period.end)),
        };
        let answer = self.service.get_completeness(&ctx, request).await.map_err(failed)?;
        if answer.cube_version.is_empty() {
            return Err(malformed("metering does not say which usage its answer is of"));
        }
        let missing = answer
            .missing
            .into_iter()
            .map(|missing| {
                let hour = missing.hour.ok_or_else(|| malformed("a missing hour without time"))?;
                Ok(MissingHour { cell_id: missing.cell_id, shard: missing.shard, hour: instant(hour)? })
            })
            .collect::<Result<_, UsageSourceError>>()?;
        Ok(Completeness {
            complete: answer.complete,
            missing,
            complete_until: answer.complete_until.map(instant).transpose()?,
            exemptions: answer.exemptions.iter().map(exemption).collect::<Result<_, _>>()?,
            version: CubeVersion { until: period.end, name: answer.cube_version },
        })
    }

    async fn usage(
        &self,
        account_id: &str,
        period: Period,
        version: &CubeVersion,
    ) -> Result<MeteredUsage, UsageSourceError> {
        let mut sums = BTreeMap::new();
        let mut page_token = String::new();
        for _ in 0..MAX_PAGES {
            let ctx = CallContext::new(usage_service::LIST_USAGE.info());
            let request = pb::ListUsageRequest {
                account_id: account_id.to_owned(),
                namespace: String::new(),
                start_time: Some(wire_time::from_instant(period.start)),
                end_time: Some(wire_time::from_instant(period.end)),
                page_size: PAGE_ROWS,
                page_token,
                version_until: Some(wire_time::from_instant(version.until)),
            };
            let page = self.service.list_usage(&ctx, request).await.map_err(failed)?;
            if page.cube_version != version.name {
                return Err(UsageSourceError::Changed);
            }
            for row in page.rows {
                let (key, quantity) = read(row, account_id, period)?;
                let sum: &mut i128 = sums.entry(key).or_default();
                *sum = sum.checked_add(quantity).ok_or_else(|| malformed("usage beyond 2^127 - 1"))?;
            }
            if page.next_page_token.is_empty() {
                return total(sums);
            }
            page_token = page.next_page_token;
        }
        Err(malformed(format!("usage of account {account_id} has more than {MAX_PAGES} pages")))
    }
}

/// Where a row belongs.
type Key = (String, UsageKind);

/// The month's sums. A single row may be below zero, where a cell corrected an hour that it had sealed; no sum may.
fn total(sums: BTreeMap<Key, i128>) -> Result<MeteredUsage, UsageSourceError> {
    let mut usage = MeteredUsage::default();
    for ((namespace, kind), sum) in sums {
        let quantity = u128::try_from(sum)
            .map_err(|_| malformed(format!("usage of {kind} by namespace {namespace:?} adds up to {sum}")))?;
        let row = UsageRow { namespace, kind, quantity };
        usage.add(row).map_err(|error| malformed(error.to_string()))?;
    }
    Ok(usage)
}

/// A row of the account and period that was asked for; anything else must not reach a bill.
fn read(row: pb::UsageRow, account_id: &str, period: Period) -> Result<(Key, i128), UsageSourceError> {
    let hour = instant(row.hour.ok_or_else(|| malformed("a usage row without hour"))?)?;
    if row.account_id != account_id || hour < period.start || hour >= period.end {
        return Err(malformed(format!(
            "a usage row of account {:?} at {hour} was not asked for",
            row.account_id
        )));
    }
    let kind = match row.kind.as_str() {
        "actions" if !row.action_type.is_empty() => UsageKind::Action(row.action_type),
        "active_storage" => UsageKind::ActiveStorage,
        "retained_storage" => UsageKind::RetainedStorage,
        other => return Err(malformed(format!("usage of unknown kind {other:?}"))),
    };
    let quantity = row
        .quantity
        .parse()
        .map_err(|_| malformed(format!("usage quantity {:?} is no 128-bit integer", row.quantity)))?;
    Ok(((row.namespace, kind), quantity))
}

/// What is given up, as it stands on an invoice.
fn exemption(exemption: &pb::Exemption) -> Result<Exemption, UsageSourceError> {
    let start = exemption.start_time.ok_or_else(|| malformed("an exemption without start"))?;
    let cell = &exemption.cell_id;
    let mut what = match &exemption.skipped {
        Some(rows) => {
            format!("cell {cell}, shard {}, log rows {} to {}", rows.shard, rows.from_seq, rows.to_seq)
        }
        None => format!("cell {cell}"),
    };
    what.push_str(&format!(", hours from {}", instant(start)?));
    if let Some(end) = exemption.end_time {
        what.push_str(&format!(" until {}", instant(end)?));
    }
    Ok(Exemption { what, reason: exemption.reason.clone() })
}

fn malformed(problem: impl Into<String>) -> UsageSourceError {
    UsageSourceError::Malformed(problem.into())
}

/// What is the caller's fault stays wrong; anything else may pass.
fn failed(status: Status) -> UsageSourceError {
    match status.code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::OutOfRange
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented => UsageSourceError::Malformed(status.to_string()),
        _ => UsageSourceError::Unavailable(status.to_string()),
    }
}

fn instant(time: prost_types::Timestamp) -> Result<Timestamp, UsageSourceError> {
    wire_time::instant(&time).map_err(|why| malformed(format!("{time:?} {why}")))
}

#[cfg(test)]
mod tests;
