//! `LoseMeteredCell`: what a cell has not delivered is given up.

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{LoseMeteredCellRequest, LoseMeteredCellResponse};

use super::{Operator, manifest, sealed_until, whole_hour};
use crate::decision::{Signed, Verdict, lost};

impl Operator {
    pub(super) async fn lose(
        &self,
        signed: Signed,
        request: LoseMeteredCellRequest,
    ) -> Result<LoseMeteredCellResponse, Status> {
        let since = whole_hour("since", request.since)?;
        let progress = self.progress().await?;
        let manifest = manifest(&progress, &request.cell_id, &request.incarnation)?;
        let stands = lost(&progress.decisions, &manifest.cell_id, manifest.incarnation);
        let sealed = || sealed_until(&progress, manifest).min().unwrap_or(manifest.first_hour_ms);
        let since_ms = since.or(stands.map(|(since, _)| since)).unwrap_or_else(sealed);
        let decision = signed.decision(&manifest.cell_id, manifest.incarnation, Verdict::Lost { since_ms });
        let end = self.decide(&progress, decision).await?;
        Ok(LoseMeteredCellResponse { end: Some(end) })
    }
}
