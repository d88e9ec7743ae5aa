//! One look at the object store.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::alerts::Alerts;
use super::refused::Refused;
use super::{Ingest, IngestError, TIMELESS, meters};
use crate::completeness::{Manifest, Progress};
use crate::config::FULL_LOOK_EVERY;
use crate::store::ShardName;

/// What is remembered between looks. Losing it costs repeated log lines and one full listing.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Looks that have begun.
    pub(super) looks: u32,
    /// First row of the last object that was taken in: a shard that was recovered begins its next object in or behind
    /// it.
    pub(super) last_from: BTreeMap<ShardName, u64>,
    /// Keys under which no object can stand, reported once.
    pub(super) strangers: BTreeSet<String>,
    /// Objects that are damaged or not what their name says.
    pub(crate) refused: Refused,
    /// Gaps by the row that is missing, reported once.
    pub(super) gaps: BTreeSet<(ShardName, u64)>,
    pub(super) alerts: Alerts,
    failing: bool,
}

/// What of a look failed. The rest was done.
struct Failures {
    /// Manifests could not be listed or read: there may be a cell that is not known.
    cells: Option<IngestError>,
    /// The last failure of a shard.
    shard: Option<IngestError>,
}

impl Ingest {
    /// Takes in what is there. Failures are logged and met again by the next look.
    pub(crate) async fn look(&self, memory: &mut Memory, stop: &CancellationToken) {
        let began = self.clock.as_ref().map_or(TIMELESS, |clock| clock.unix_millis());
        let everything = memory.looks.is_multiple_of(FULL_LOOK_EVERY);
        memory.looks = memory.looks.wrapping_add(1);
        let failures = self.look_at_all(memory, everything, stop).await;
        let saw_every_cell = failures.cells.is_none();
        match failures.cells.or(failures.shard) {
            Some(error) => {
                metrics::counter!(meters::FAILED_LOOKS).increment(1);
                if !memory.failing {
                    tracing::warn!(%error, "usage objects cannot be taken in; trying again");
                }
                memory.failing = true;
            }
            None if !stop.is_cancelled() && std::mem::take(&mut memory.failing) => {
                tracing::info!("usage objects are taken in again");
            }
            None => {}
        }
        // What a shard could not take in keeps its own hours open; a cell that nobody saw keeps none.
        if saw_every_cell && !stop.is_cancelled() {
            self.looked.set(began);
        }
        meters::refused_now(memory.refused.count());
        match self.store.progress().await {
            Ok(progress) => self.report(&progress, memory),
            Err(error) => tracing::warn!(%error, "progress of metering cannot be read"),
        }
    }

    /// Does what can be done: neither a manifest nor a shard that fails holds the others up.
    async fn look_at_all(&self, memory: &mut Memory, everything: bool, stop: &CancellationToken) -> Failures {
        let read = match self.store.progress().await {
            Ok(known) => self.read_manifests(&known.manifests, memory).await,
            Err(error) => Err(error.into()),
        };
        let mut failures = Failures { cells: read.err(), shard: None };
        let progress = match self.store.progress().await {
            Ok(progress) => progress,
            Err(error) => return Failures { cells: Some(error.into()), ..failures },
        };
        for (manifest, in_force) in terms(&progress) {
            // A log that was replaced is not written any more, late objects aside.
            if !in_force && !everything {
                continue;
            }
            for shard in 0..manifest.shard_count {
                if stop.is_cancelled() {
                    return failures;
                }
                let cell_id = manifest.cell_id.clone();
                let name = ShardName { cell_id, incarnation: manifest.incarnation, shard };
                if let Err(error) = self.take_in_shard(&name, &progress, everything, memory).await {
                    failures.shard = Some(error);
                }
            }
        }
        failures
    }

    fn report(&self, progress: &Progress, memory: &mut Memory) {
        let Some(now) = self.clock.as_ref().map(|clock| clock.unix_millis()) else { return };
        meters::progress(progress, &self.config.cells, now);
        memory.alerts.look(progress, &self.config.cells, now);
    }
}

/// Manifests, and whether each is the newest of its cell.
fn terms(progress: &Progress) -> impl Iterator<Item = (&Manifest, bool)> {
    progress.manifests.iter().enumerate().map(|(index, manifest)| {
        let next = progress.manifests.get(index + 1);
        (manifest, next.is_none_or(|next| next.cell_id != manifest.cell_id))
    })
}
