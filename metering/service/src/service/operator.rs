//! What operators decide about usage that is not there. One file per method.

mod list_metered_cells;
mod list_missing_objects;
mod lose_metered_cell;
mod retire_metered_cell;
mod skip_objects;

use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_internal_api::usage::v1::{
    CellEnd, ListMeteredCellsRequest, ListMeteredCellsResponse, ListMissingObjectsRequest,
    ListMissingObjectsResponse, LoseMeteredCellRequest, LoseMeteredCellResponse, RetireMeteredCellRequest,
    RetireMeteredCellResponse, SkipObjectsRequest, SkipObjectsResponse, UsageOperatorService,
};
use atoll_rpc::{Clock, wire_time};
use prost_types::Timestamp;
use uuid::Uuid;

use super::{check_whole, unavailable};
use crate::access;
use crate::completeness::{Manifest, Progress};
use crate::decision::{Decision, MOST_DECISIONS, MOST_REASON, Signed, Verdict};
use crate::hour::start_of;
use crate::ingest::{Ingest, Looked};
use crate::store::Store;

/// Decides in the database, for every process.
pub(crate) struct Operator {
    pub(crate) store: Store,
    /// Cells that hours must contain.
    pub(crate) cells: Vec<String>,
    pub(crate) looked: Looked,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    /// Looks at what is there before rows are given up.
    pub(crate) ingest: Ingest,
}

#[async_trait]
impl UsageOperatorService for Operator {
    async fn list_metered_cells(
        &self,
        ctx: &CallContext,
        _: ListMeteredCellsRequest,
    ) -> Result<ListMeteredCellsResponse, Status> {
        access::check(ctx, "", "")?;
        self.list_cells().await
    }

    async fn retire_metered_cell(
        &self,
        ctx: &CallContext,
        request: RetireMeteredCellRequest,
    ) -> Result<RetireMeteredCellResponse, Status> {
        access::check(ctx, "", "")?;
        self.retire(self.signed(ctx, &request.reason)?, request).await
    }

    async fn lose_metered_cell(
        &self,
        ctx: &CallContext,
        request: LoseMeteredCellRequest,
    ) -> Result<LoseMeteredCellResponse, Status> {
        access::check(ctx, "", "")?;
        self.lose(self.signed(ctx, &request.reason)?, request).await
    }

    async fn list_missing_objects(
        &self,
        ctx: &CallContext,
        _: ListMissingObjectsRequest,
    ) -> Result<ListMissingObjectsResponse, Status> {
        access::check(ctx, "", "")?;
        Ok(self.missing_objects())
    }

    async fn skip_objects(
        &self,
        ctx: &CallContext,
        request: SkipObjectsRequest,
    ) -> Result<SkipObjectsResponse, Status> {
        access::check(ctx, "", "")?;
        self.skip(self.signed(ctx, &request.reason)?, request).await
    }
}

impl Operator {
    /// Who decides, now, and why.
    fn signed(&self, ctx: &CallContext, reason: &str) -> Result<Signed, Status> {
        let is_text = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
        if !is_text || reason.len() > MOST_REASON {
            return Err(Status::invalid_argument(format!(
                "reason must have 1 to {MOST_REASON} bytes without control characters"
            )));
        }
        let clock = self.clock.as_ref();
        let clock = clock.ok_or_else(|| Status::failed_precondition("metering was not told the time"))?;
        let decided_by = ctx.principal.as_ref().map(|principal| principal.id.clone()).unwrap_or_default();
        Ok(Signed { reason: reason.to_owned(), decided_by, decided_at_ms: clock.unix_millis() })
    }

    /// How far everything is in. What the database has just lost is not decided about.
    async fn progress(&self) -> Result<Progress, Status> {
        let whole = self.looked.whole();
        let progress = self.store.progress().await.map_err(unavailable)?;
        check_whole(whole.as_ref(), &progress)?;
        Ok(progress)
    }

    /// Keeps a decision about a cell. One like it that stands is the answer, where it says the same.
    async fn decide(&self, progress: &Progress, decision: Decision) -> Result<CellEnd, Status> {
        check_room(progress)?;
        let stands = self.store.decide(&decision).await.map_err(unavailable)?;
        if stands.verdict != decision.verdict {
            let hour = hour_of(&stands.verdict);
            let hour = jiff::Timestamp::from_millisecond(hour).map(|at| at.to_string()).unwrap_or_default();
            return Err(Status::already_exists(format!(
                "that was decided about the cell before, from {hour} on: {}",
                stands.reason
            )));
        }
        tracing::warn!(
            cell = stands.cell_id,
            incarnation = %stands.incarnation,
            verdict = ?stands.verdict,
            reason = stands.reason,
            by = stands.decided_by,
            "an operator has ended a cell in metering"
        );
        Ok(end(&stands))
    }
}

/// Every answer reads all decisions.
fn check_room(progress: &Progress) -> Result<(), Status> {
    if progress.decisions.len() < MOST_DECISIONS {
        return Ok(());
    }
    Err(Status::resource_exhausted(format!("{MOST_DECISIONS} decisions are kept, and no more")))
}

/// The manifest of a cell's incarnation: of the one that is named, or of the one that is in force.
fn manifest<'a>(progress: &'a Progress, cell_id: &str, incarnation: &str) -> Result<&'a Manifest, Status> {
    let mut of_cell = progress.manifests.iter().filter(|manifest| manifest.cell_id == cell_id);
    if !incarnation.is_empty() {
        let incarnation = uuid(incarnation)?;
        let named = of_cell.find(|manifest| manifest.incarnation == incarnation);
        return named.ok_or_else(|| Status::not_found("the cell has said nothing under that incarnation"));
    }
    let mut in_force = of_cell.filter(|manifest| !progress.is_replaced(manifest));
    let found = in_force.next().ok_or_else(|| {
        Status::not_found(
            "the cell has said nothing: where hours wait for it, take it out of metering's `cells`",
        )
    })?;
    if in_force.next().is_some() {
        return Err(Status::failed_precondition("two incarnations of the cell are in force: name one"));
    }
    Ok(found)
}

fn uuid(text: &str) -> Result<Uuid, Status> {
    Uuid::try_parse(text).map_err(|_| Status::invalid_argument("incarnation must be a UUID"))
}

/// A whole hour of a request; none where it is unset.
fn whole_hour(field: &str, time: Option<Timestamp>) -> Result<Option<i64>, Status> {
    let Some(time) = time else { return Ok(None) };
    let refused = |why: String| Status::invalid_argument(format!("{field} {why}"));
    let ms = wire_time::millis(&time).map_err(|why| refused(why.to_string()))?;
    if time.nanos != 0 || ms != start_of(ms) {
        return Err(refused("must be a whole hour".to_owned()));
    }
    Ok(Some(ms))
}

/// Ends of what shards of an incarnation have sealed; one that has sealed nothing is at the first hour.
fn sealed_until<'a>(progress: &'a Progress, manifest: &'a Manifest) -> impl Iterator<Item = i64> + 'a {
    (0..manifest.shard_count).map(|number| {
        let mut shards = progress.shards.iter().filter(|shard| {
            (&shard.cell_id, shard.incarnation, shard.shard)
                == (&manifest.cell_id, manifest.incarnation, number)
        });
        let sealed = shards.next().and_then(|shard| shard.sealed_until_ms);
        sealed.unwrap_or(manifest.first_hour_ms).max(manifest.first_hour_ms)
    })
}

fn hour_of(verdict: &Verdict) -> i64 {
    match *verdict {
        Verdict::Retired { until_ms } => until_ms,
        Verdict::Lost { since_ms } | Verdict::Skipped { since_ms, .. } => since_ms,
    }
}

fn end(decision: &Decision) -> CellEnd {
    let kind = match decision.verdict {
        Verdict::Retired { .. } => "retired",
        Verdict::Lost { .. } => "lost",
        Verdict::Skipped { .. } => "skipped",
    };
    CellEnd {
        kind: kind.to_owned(),
        since: Some(wire_time::from_millis(hour_of(&decision.verdict))),
        reason: decision.reason.clone(),
        decided_by: decision.decided_by.clone(),
        decided_time: Some(wire_time::from_millis(decision.decided_at_ms)),
    }
}
