//! `GetCompleteness`: whether a period can be billed, and what is missing.

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{
    self as pb, GetCompletenessRequest, GetCompletenessResponse, MissingHour, SkippedRows,
};
use atoll_rpc::wire_time;

use super::period::period;
use super::{Usage, check_whole, unavailable};
use crate::access::View;
use crate::completeness::{Completeness, Exemption, Missing};
use crate::decision::Verdict;
use crate::hour::start_of;

/// Most missing hours that are named.
const MOST_MISSING: usize = 100;

/// The latest time that is shown: the end of the year 9998.
const LATEST_MS: i64 = 253_370_764_800_000;

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
        let whole =
            self.looked.whole().ok_or_else(|| Status::unavailable("usage has not been looked for yet"))?;
        let progress = self.store.progress().await.map_err(unavailable)?;
        check_whole(Some(&whole), &progress)?;
        let completeness = Completeness::of(&progress, &self.cells);
        let missing = completeness.missing(start, end, MOST_MISSING);
        let looked_until = start_of(whole.began_ms);
        if missing.is_empty() && end > looked_until {
            return Err(Status::unavailable("usage of the end of the period has not been looked for yet"));
        }
        let until = |until: i64| until.min(looked_until).min(LATEST_MS);
        let complete_until = completeness.complete_until().map(until);
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
                exemptions: completeness.exemptions(start, end).into_iter().map(exempt).collect(),
                ..answer
            },
        })
    }
}

fn exempt(exemption: Exemption<'_>) -> pb::Exemption {
    let Exemption { decision, start_ms, end_ms } = exemption;
    let skipped = match decision.verdict {
        Verdict::Skipped { shard, from_seq, to_seq, .. } => Some(SkippedRows { shard, from_seq, to_seq }),
        Verdict::Retired { .. } | Verdict::Lost { .. } => None,
    };
    pb::Exemption {
        cell_id: decision.cell_id.clone(),
        incarnation: decision.incarnation.to_string(),
        start_time: Some(wire_time::from_millis(start_ms)),
        end_time: Some(end_ms).filter(|end| *end <= LATEST_MS).map(wire_time::from_millis),
        skipped,
        reason: decision.reason.clone(),
    }
}

fn shown(missing: Missing) -> MissingHour {
    let Missing { hour_ms, cell_id, shard } = missing;
    MissingHour { cell_id, shard, hour: Some(wire_time::from_millis(hour_ms)) }
}
