//! `SkipObjects`: rows whose object is lost or damaged for good are given up.

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{SkipObjectsRequest, SkipObjectsResponse};

use super::{Operator, check_room, manifest, unavailable};
use crate::completeness::Progress;
use crate::decision::{Signed, Verdict};
use crate::ingest::Waiting;
use crate::store::{Rows, ShardName, Skipped};

impl Operator {
    pub(super) async fn skip(
        &self,
        signed: Signed,
        request: SkipObjectsRequest,
    ) -> Result<SkipObjectsResponse, Status> {
        let SkipObjectsRequest { cell_id, incarnation, shard, from_seq, to_seq, reason: _ } = request;
        if incarnation.is_empty() {
            return Err(Status::invalid_argument("incarnation is required"));
        }
        if from_seq >= to_seq || i64::try_from(to_seq).is_err() {
            return Err(Status::invalid_argument("from_seq must be before to_seq"));
        }
        let progress = self.progress().await?;
        let manifest = manifest(&progress, &cell_id, &incarnation)?;
        if shard >= manifest.shard_count {
            return Err(Status::invalid_argument(format!("the cell has {} shards", manifest.shard_count)));
        }
        check_room(&progress)?;
        let name = ShardName { cell_id, incarnation: manifest.incarnation, shard };
        let origin = progress.origin(manifest, shard).ok_or_else(|| {
            Status::failed_precondition("an incarnation that this one goes on from has said nothing yet")
        })?;
        // What the shard waits for now, not at some earlier look: an object may have come, or be readable again.
        let waits_for = self.ingest.waits_for(manifest, &origin, &progress).await.map_err(|error| {
            tracing::warn!(%error, cell = name.cell_id, shard, "cannot look at what a shard waits for");
            Status::unavailable("usage objects cannot be looked at at the moment")
        })?;
        let rows = Rows { origin, from_seq, to_seq, first_hour_ms: manifest.first_hour_ms };
        if let Some(refused) = refused(waits_for.as_ref(), &rows) {
            // It may have been this very call that gave them up.
            return match stands(&self.progress().await?, &rows) {
                true => Ok(SkipObjectsResponse {}),
                false => Err(Status::failed_precondition(refused)),
            };
        }
        match self.store.skip(&rows, &signed).await.map_err(unavailable)? {
            Skipped::Done => {
                tracing::warn!(
                    cell = name.cell_id,
                    shard,
                    from_seq,
                    to_seq,
                    reason = signed.reason,
                    by = signed.decided_by,
                    "an operator has given up usage"
                );
                Ok(SkipObjectsResponse {})
            }
            // It may have been this very call that moved it on, before or at the same time.
            Skipped::WaitsFor(row) => match stands(&self.progress().await?, &rows) {
                true => Ok(SkipObjectsResponse {}),
                false => Err(Status::failed_precondition(format!(
                    "the shard waits for row {row}: only rows from there on can be skipped"
                ))),
            },
        }
    }
}

/// Why these rows are not what is given up: what is behind what is missing is there, or will come.
fn refused(waits_for: Option<&Waiting>, rows: &Rows) -> Option<String> {
    let Some(Waiting { from_seq, to_seq: Some(end), .. }) = waits_for else {
        return Some("the shard waits for no rows behind which there are others".to_owned());
    };
    (rows.from_seq != *from_seq || rows.to_seq > *end).then(|| {
        format!("the shard waits for rows from {from_seq} on and before {end}: only those can be skipped")
    })
}

/// Whether exactly these rows were given up.
fn stands(progress: &Progress, rows: &Rows) -> bool {
    let Rows { origin, from_seq, to_seq, .. } = rows;
    let name = &origin.name;
    progress.decisions.iter().filter(|decision| decision.is_of(&name.cell_id, name.incarnation)).any(
        |decision| {
            matches!(decision.verdict, Verdict::Skipped { shard, from_seq: from, to_seq: to, .. }
            if (shard, from, to) == (name.shard, *from_seq, *to_seq))
        },
    )
}
