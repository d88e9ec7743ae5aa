//! `GetCompleteness`: whether a period can be billed, and what is missing.

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{GetCompletenessRequest, GetCompletenessResponse, MissingHour};
use atoll_rpc::wire_time;

use super::period::period;
use super::{Usage, unavailable};
use crate::access::View;
use crate::completeness::{Completeness, Missing};
use crate::hour::start_of;

/// Most missing hours that are named.
const MOST_MISSING: usize = 100;

impl Usage {
    /// A tenant learns the moment, and nothing of cells and shards. It is that of the whole cloud: a cell of which
    /// nothing is known yet may hold usage of any account.
    ///
    /// UNAVAILABLE as long as this process has not looked for usage of the period: nothing is called complete because
    /// nobody looked.
    pub(super) async fn completeness(
        &self,
        request: GetCompletenessRequest,
        view: View,
    ) -> Result<GetCompletenessResponse, Status> {
        let (start, end) = period(request.start_time, request.end_time)?;
        // Read before the database: what is read after a look holds what the look found.
        let looked =
            self.looked.at_ms().ok_or_else(|| Status::unavailable("usage has not been looked for yet"))?;
        let progress = self.store.progress().await.map_err(unavailable)?;
        let completeness = Completeness::of(&progress, &self.cells);
        let missing = completeness.missing(start, end, MOST_MISSING);
        let looked_until = start_of(looked);
        if missing.is_empty() && end > looked_until {
            return Err(Status::unavailable("usage of the end of the period has not been looked for yet"));
        }
        let complete_until = completeness.complete_until().map(|until| until.min(looked_until));
        let answer = GetCompletenessResponse {
            complete: missing.is_empty() && complete_until.is_some(),
            complete_until: complete_until.map(wire_time::from_millis),
            ..Default::default()
        };
        Ok(match view {
            View::Tenant => answer,
            View::Whole => GetCompletenessResponse {
                missing: missing.into_iter().map(shown).collect(),
                cube_version: progress.version(end),
                ..answer
            },
        })
    }
}

fn shown(missing: Missing) -> MissingHour {
    let Missing { hour_ms, cell_id, shard } = missing;
    MissingHour { cell_id, shard, hour: Some(wire_time::from_millis(hour_ms)) }
}
