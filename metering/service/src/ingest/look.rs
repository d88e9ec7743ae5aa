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
    /// Manifests that were read.
    pub(super) manifests: BTreeSet<String>,
    /// First row of the last object that was taken in: a shard that was recovered begins its next object in or behind it.
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

impl Ingest {
    /// Takes in what is there. Failures are logged and met again by the next look.
    pub(crate) async fn look(&self, memory: &mut Memory, stop: &CancellationToken) {
        let began = self.clock.as_ref().map_or(TIMELESS, |clock| clock.unix_millis());
        let everything = memory.looks.is_multiple_of(FULL_LOOK_EVERY);
        memory.looks = memory.looks.wrapping_add(1);
        let failed = match self.look_at_all(memory, everything, stop).await {
            Ok(failed) => failed,
            Err(error) => Some(error),
        };
        match failed {
            Some(error) => {
                metrics::counter!(meters::FAILED_LOOKS).increment(1);
                if !memory.failing {
                    tracing::warn!(%error, "usage objects cannot be taken in; trying again");
                }
                memory.failing = true;
            }
            None if !stop.is_cancelled() => {
                if std::mem::take(&mut memory.failing) {
                    tracing::info!("usage objects are taken in again");
                }
                self.looked.set(began);
            }
            None => {}
        }
        meters::refused_now(memory.refused.count());
        match self.store.progress().await {
            Ok(progress) => self.report(&progress, memory),
            Err(error) => tracing::warn!(%error, "progress of metering cannot be read"),
        }
    }

    /// The last failure of a shard, if any; the others were looked at all the same.
    async fn look_at_all(
        &self,
        memory: &mut Memory,
        everything: bool,
        stop: &CancellationToken,
    ) -> Result<Option<IngestError>, IngestError> {
        self.read_manifests(memory).await?;
        let progress = self.store.progress().await?;
        let mut failed = None;
        for (manifest, in_force) in terms(&progress) {
            // A log that was replaced is not written any more, late objects aside.
            if !in_force && !everything {
                continue;
            }
            for shard in 0..manifest.shard_count {
                if stop.is_cancelled() {
                    return Ok(failed);
                }
                let cell_id = manifest.cell_id.clone();
                let name = ShardName { cell_id, incarnation: manifest.incarnation, shard };
                if let Err(error) = self.take_in_shard(&name, &progress, everything, memory).await {
                    failed = Some(error);
                }
            }
        }
        Ok(failed)
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
