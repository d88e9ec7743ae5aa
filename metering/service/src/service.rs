//! The usage API.

use crate::completeness::Seals;
use crate::cube::{Filter, RowKey, rows, version};
use crate::hours::{HOUR_MS, hour_of};
use crate::store::{Store, StoreError};
use async_trait::async_trait;
use atoll_api::call::{CallContext, PrincipalKind, Status};
use atoll_internal_api::usage::v1::{self as api, UsageService};
use prost_types::Timestamp;
use uuid::Uuid;

/// Rows of an answer where the caller names no number.
const PAGE: usize = 1_000;
/// Most rows of an answer.
const LARGEST_PAGE: usize = 10_000;
/// Missing shard hours that an answer lists.
const LISTED_MISSING: usize = 100;

/// Serves `UsageService`.
pub(crate) struct Usage {
    pub(crate) store: Store,
    pub(crate) cells: Vec<String>,
}

#[async_trait]
impl UsageService for Usage {
    async fn list_usage(
        &self,
        ctx: &CallContext,
        request: api::ListUsageRequest,
    ) -> Result<api::ListUsageResponse, Status> {
        let account_id = visible_account(ctx, &request.account_id)?;
        let (from_ms, to_ms) = bounds(request.start_time.as_ref(), request.end_time.as_ref())?;
        let filter = Filter { from_ms, to_ms, account_id, namespace: request.namespace.clone() };
        let all = rows(&self.store, &filter).await.map_err(status)?;
        let seals = Seals::load(&self.store, &self.cells).await.map_err(status)?;
        let size = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => PAGE,
            Ok(size) => size.min(LARGEST_PAGE),
        };
        let start: usize = match request.page_token.as_str() {
            "" => 0,
            token => token.parse().map_err(|_| Status::invalid_argument("invalid page_token"))?,
        };
        let end = start.saturating_add(size);
        let next_page_token = if end < all.len() { end.to_string() } else { String::new() };
        let page = all.into_iter().skip(start).take(size);
        Ok(api::ListUsageResponse {
            rows: page.map(|(key, quantity)| row(key, quantity, &seals)).collect(),
            next_page_token,
        })
    }

    async fn get_completeness(
        &self,
        ctx: &CallContext,
        request: api::GetCompletenessRequest,
    ) -> Result<api::GetCompletenessResponse, Status> {
        known(ctx)?;
        let (from_ms, to_ms) = bounds(request.start_time.as_ref(), request.end_time.as_ref())?;
        let cube_version = version(&self.store).await.map_err(status)?;
        let seals = Seals::load(&self.store, &self.cells).await.map_err(status)?;
        let missing = seals.missing(from_ms, to_ms, LISTED_MISSING);
        Ok(api::GetCompletenessResponse {
            complete: missing.is_empty() && seals.complete_until().is_some_and(|until| until >= to_ms),
            missing: missing
                .into_iter()
                .map(|missing| api::MissingHour {
                    cell_id: missing.cell_id,
                    shard: missing.shard,
                    hour: Some(timestamp(missing.hour_ms)),
                })
                .collect(),
            complete_until: seals.complete_until().map(timestamp),
            cube_version,
        })
    }
}

fn known(ctx: &CallContext) -> Result<(), Status> {
    if ctx.principal.is_some() { Ok(()) } else { Err(Status::unauthenticated("a key is required")) }
}

/// The account that the caller may read: any for operators and pieces of the cloud, its own for everybody else.
fn visible_account(ctx: &CallContext, wanted: &str) -> Result<String, Status> {
    let caller = ctx.principal.as_ref().ok_or_else(|| Status::unauthenticated("a key is required"))?;
    match caller.kind {
        PrincipalKind::Operator | PrincipalKind::Internal => Ok(wanted.to_owned()),
        _ if wanted.is_empty() || wanted == caller.account => Ok(caller.account.clone()),
        _ => Err(Status::permission_denied("usage of another account")),
    }
}

/// Whole hours around what was asked for.
fn bounds(start: Option<&Timestamp>, end: Option<&Timestamp>) -> Result<(i64, i64), Status> {
    let millis = |time: &Timestamp| {
        time.seconds.saturating_mul(1_000).saturating_add(i64::from(time.nanos.clamp(0, 999_999_999) / 1_000_000))
    };
    let from = start.map(millis).ok_or_else(|| Status::invalid_argument("start_time is not set"))?;
    let to = end.map(millis).ok_or_else(|| Status::invalid_argument("end_time is not set"))?;
    if to < from {
        return Err(Status::invalid_argument("end_time is before start_time"));
    }
    Ok((hour_of(from), hour_of(to.saturating_add(HOUR_MS - 1))))
}

fn row(key: RowKey, quantity: i128, seals: &Seals) -> api::UsageRow {
    api::UsageRow {
        hour: Some(timestamp(key.hour_ms)),
        account_id: key.who.account_id,
        namespace: key.who.namespace,
        namespace_id: Uuid::from_slice(&key.namespace_id).map(|id| id.to_string()).unwrap_or_default(),
        project_id: key.who.project_id,
        tags: key.who.tags,
        kind: key.kind,
        action_type: key.action_type,
        quantity: quantity.to_string(),
        incomplete: !seals.is_complete(&key.cell_id, key.hour_ms),
        cell_id: key.cell_id,
    }
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp { seconds: ms.div_euclid(1_000), nanos: (ms.rem_euclid(1_000) * 1_000_000) as i32 }
}

fn status(error: StoreError) -> Status {
    match error {
        StoreError::Sql(_) => Status::unavailable(error.to_string()),
        _ => Status::internal(error.to_string()),
    }
}
