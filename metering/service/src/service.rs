//! The usage interface. One file per method.

mod get_completeness;
mod list_usage;
mod operator;
mod page_token;
mod period;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_internal_api::usage::v1::{
    GetCompletenessRequest, GetCompletenessResponse, ListUsageRequest, ListUsageResponse, UsageService,
};

pub(crate) use operator::Operator;

use crate::access;
use crate::completeness::Progress;
use crate::ingest::{Looked, Whole};
use crate::store::{Store, StoreError};

/// Answers from the database; a page is as of one moment.
pub(crate) struct Usage {
    pub(crate) store: Store,
    /// Cells that hours must contain.
    pub(crate) cells: Vec<String>,
    pub(crate) looked: Looked,
}

#[async_trait]
impl UsageService for Usage {
    async fn list_usage(
        &self,
        ctx: &CallContext,
        request: ListUsageRequest,
    ) -> Result<ListUsageResponse, Status> {
        check_filter("account_id", &request.account_id)?;
        check_filter("namespace", &request.namespace)?;
        access::check(ctx, &request.account_id, &request.namespace)?;
        self.list(request).await
    }

    async fn get_completeness(
        &self,
        ctx: &CallContext,
        request: GetCompletenessRequest,
    ) -> Result<GetCompletenessResponse, Status> {
        let view = access::check(ctx, "", "")?;
        self.completeness(request, view).await
    }
}

/// Longest account or namespace that is looked at; none is longer.
const MAX_FILTER_BYTES: usize = 128;

/// Refuses a filter that names nothing that there can be, in every account alike.
fn check_filter(field: &str, text: &str) -> Result<(), Status> {
    if text.len() <= MAX_FILTER_BYTES && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "{field} takes at most {MAX_FILTER_BYTES} bytes without control characters"
    )))
}

/// UNAVAILABLE where the database lacks a cell that the last whole look left in it: nothing is called complete, nor
/// named, without it. The next look finds the cell again.
fn check_whole(whole: Option<&Whole>, progress: &Progress) -> Result<(), Status> {
    if whole.is_none_or(|whole| whole.is_in(progress)) {
        return Ok(());
    }
    tracing::warn!("the database has lost a cell; answers wait for the next look");
    Err(Status::unavailable("usage is being looked for again"))
}

/// The caller learns that it may try again; the log says why.
fn unavailable(error: StoreError) -> Status {
    tracing::error!(%error, "usage cannot be read");
    Status::unavailable("usage cannot be read at the moment")
}

#[cfg(test)]
pub(crate) use list_usage::with_open_hours;
#[cfg(test)]
pub(crate) use page_token::before;

/// Every row that a listing of everything would give, without zeros.
#[cfg(test)]
pub(crate) async fn all_rows(store: &Store) -> Vec<(crate::cube::CubeKey, crate::ledger::Quantity)> {
    let (account_id, namespace) = (None, String::new());
    let after = page_token::before(0);
    let selection =
        crate::store::Selection { account_id, namespace, after, before_ms: i64::MAX, limit: 1 << 20 };
    let page = store.page(&selection).await.unwrap();
    let rows = with_open_hours(page.rows, &page.open, &selection);
    rows.into_iter().filter(|(_, quantity)| *quantity != 0).collect()
}
