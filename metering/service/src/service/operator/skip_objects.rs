//! `SkipObjects`: rows whose object is lost or damaged for good are given up.

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{SkipObjectsRequest, SkipObjectsResponse};

use super::{Operator, check_room, manifest, unavailable};
use crate::completeness::Progress;
use crate::decision::{Signed, Verdict};
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
        let rows = Rows { origin, from_seq, to_seq, first_hour_ms: manifest.first_hour_ms };
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
