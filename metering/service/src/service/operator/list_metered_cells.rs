//! `ListMeteredCells`: which hours each cell is asked for, and what was decided about it.

use atoll_api::call::Status;
use atoll_internal_api::usage::v1::{ListMeteredCellsResponse, MeteredCell};
use atoll_rpc::wire_time;

use super::{Operator, end, sealed_until};
use crate::completeness::{Manifest, Progress};
use crate::decision::{Verdict, retired};

impl Operator {
    pub(super) async fn list_cells(&self) -> Result<ListMeteredCellsResponse, Status> {
        let progress = self.progress().await?;
        let mut cells: Vec<MeteredCell> =
            progress.manifests.iter().map(|manifest| shown(&progress, manifest)).collect();
        for cell_id in &self.cells {
            if progress.manifests.iter().all(|manifest| manifest.cell_id != *cell_id) {
                cells.push(MeteredCell { cell_id: cell_id.clone(), in_force: true, ..Default::default() });
            }
        }
        cells.sort_by(|one, other| one.cell_id.cmp(&other.cell_id));
        Ok(ListMeteredCellsResponse { cells })
    }
}

fn shown(progress: &Progress, manifest: &Manifest) -> MeteredCell {
    let Manifest { cell_id, incarnation, region, shard_count, first_hour_ms, .. } = manifest;
    let decisions = progress.decisions.iter().filter(|decision| {
        decision.is_of(cell_id, *incarnation) && !matches!(decision.verdict, Verdict::Skipped { .. })
    });
    let is_retired = retired(&progress.decisions, cell_id, *incarnation).is_some();
    MeteredCell {
        cell_id: cell_id.clone(),
        incarnation: incarnation.to_string(),
        region: region.clone(),
        shard_count: *shard_count,
        first_hour: Some(wire_time::from_millis(*first_hour_ms)),
        sealed_until: sealed_until(progress, manifest).min().map(wire_time::from_millis),
        replaces: manifest
            .restored
            .as_ref()
            .map(|restored| restored.replaces.to_string())
            .unwrap_or_default(),
        in_force: !is_retired && !progress.is_replaced(manifest),
        ends: decisions.map(end).collect(),
    }
}
