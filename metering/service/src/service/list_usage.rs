//! `ListUsage`: rows of the cube, and the storage of hours that are open.

use std::collections::BTreeMap;

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{ListUsageRequest, ListUsageResponse, UsageRow};
use atoll_rpc::wire_time;

use super::period::{no_earlier, period};
use super::{Usage, check_whole, page_token, unavailable};
use crate::completeness::Completeness;
use crate::cube::CubeKey;
use crate::hour::start_of;
use crate::ledger::{Ledger, Quantity};
use crate::store::Selection;

/// Rows of a page where the request does not say.
const USUAL_ROWS: usize = 1_000;
/// Most rows of a page; more asked for is cut to this.
const MOST_ROWS: usize = 10_000;

impl Usage {
    pub(super) async fn list(&self, request: ListUsageRequest) -> Result<ListUsageResponse, Status> {
        let (start, end) = period(request.start_time, request.end_time)?;
        let version_until = match request.version_until {
            None => end,
            Some(until) => no_earlier(until, end)?,
        };
        let rows = match usize::try_from(request.page_size) {
            Ok(0) => USUAL_ROWS,
            Ok(rows) => rows.min(MOST_ROWS),
            Err(_) => return Err(Status::invalid_argument("page_size must not be negative")),
        };
        let list = page_token::list(&request.account_id, &request.namespace, start, end);
        let begin = page_token::before(start);
        let after = match request.page_token.as_str() {
            "" => begin,
            token => page_token::decode(token, &list)?.max(begin),
        };
        let selection = Selection {
            account_id: Some(request.account_id).filter(|account| !account.is_empty()),
            namespace: request.namespace,
            after,
            before_ms: end,
            // One more tells whether there is another page.
            limit: rows + 1,
        };
        let whole = self.looked.whole();
        let page = self.store.page(&selection).await.map_err(unavailable)?;
        check_whole(whole.as_ref(), &page.progress)?;
        let completeness = Completeness::of(&page.progress, &self.cells);
        let cube_version = page.progress.version(version_until);
        let mut all = with_open_hours(page.rows, &page.open, &selection);
        let more = all.len() > rows;
        all.truncate(rows);
        let next_page_token = match all.last() {
            Some((last, _)) if more => page_token::encode(last, &list),
            _ => String::new(),
        };
        let rows =
            all.into_iter().filter(|(_, quantity)| *quantity != 0).map(|row| shown(row, &completeness));
        Ok(ListUsageResponse { rows: rows.collect(), next_page_token, cube_version })
    }
}

/// Adds what ledgers of open hours hold, as far as the page reaches.
pub(crate) fn with_open_hours(
    rows: Vec<(CubeKey, Quantity)>,
    open: &[Ledger],
    selection: &Selection,
) -> Vec<(CubeKey, Quantity)> {
    // Of a full page's shards nothing is shown beyond its last row: the next page begins there.
    let full = rows.len() >= selection.limit;
    let end = rows.last().filter(|_| full).map(|(key, _)| key.clone());
    let mut all: BTreeMap<CubeKey, Quantity> = rows.into_iter().collect();
    let from = start_of(selection.after.hour_ms);
    for ledger in open {
        for (key, quantity) in ledger.open_storage(from, selection.before_ms) {
            if selection.takes(&key) && end.as_ref().is_none_or(|end| key <= *end) {
                *all.entry(key).or_default() += quantity;
            }
        }
    }
    all.into_iter().collect()
}

fn shown((key, quantity): (CubeKey, Quantity), completeness: &Completeness) -> UsageRow {
    UsageRow {
        hour: Some(wire_time::from_millis(key.hour_ms)),
        incomplete: !completeness.is_complete(&key.cell_id, key.hour_ms),
        tags: serde_json::from_str(&key.tags).unwrap_or_default(),
        account_id: key.account_id,
        namespace: key.namespace,
        namespace_id: key.namespace_id.to_string(),
        project_id: key.project_id,
        kind: key.kind.name().to_owned(),
        action_type: key.action_type,
        quantity: quantity.to_string(),
        cell_id: key.cell_id,
    }
}
