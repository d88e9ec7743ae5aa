//! `RetireMeteredCell`: a cell that was emptied and stopped is asked for no more hours.

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{RetireMeteredCellRequest, RetireMeteredCellResponse};

use super::{Operator, manifest, sealed_until, whole_hour};
use crate::decision::{Signed, Verdict, retired};

impl Operator {
    pub(super) async fn retire(
        &self,
        signed: Signed,
        request: RetireMeteredCellRequest,
    ) -> Result<RetireMeteredCellResponse, Status> {
        let until = whole_hour("until", request.until)?;
        let progress = self.progress().await?;
        let manifest = manifest(&progress, &request.cell_id, &request.incarnation)?;
        let sealed = sealed_until(&progress, manifest).max().unwrap_or(manifest.first_hour_ms);
        let stands = retired(&progress.decisions, &manifest.cell_id, manifest.incarnation);
        let until_ms = until.or(stands).unwrap_or(sealed);
        if until_ms < sealed && stands != Some(until_ms) {
            return Err(Status::failed_precondition("a shard of the cell has sealed an hour behind that"));
        }
        let decision =
            signed.decision(&manifest.cell_id, manifest.incarnation, Verdict::Retired { until_ms });
        let end = self.decide(&progress, decision).await?;
        Ok(RetireMeteredCellResponse { end: Some(end) })
    }
}
