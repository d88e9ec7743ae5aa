//! One look at the object store.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::alerts::Alerts;
use super::looked::{TIMELESS, Waiting, Whole};
use super::refused::Refused;
use super::{Ingest, IngestError, meters};
use crate::completeness::{Manifest, Progress};
use crate::config::FULL_LOOK_EVERY;
use crate::lineage::Origin;
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
    /// What shards wait for, as the last look at each found it.
    pub(super) waiting: BTreeMap<ShardName, Waiting>,
    /// Gaps by the row that is missing, reported once.
    pub(super) gaps: BTreeSet<(ShardName, u64)>,
    pub(super) alerts: Alerts,
    failing: bool,
}

/// What of a look failed. The rest was done.
struct Outcome {
    /// How far everything was in when all manifests had been read.
    progress: Progress,
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
        let outcome = self.look_at_all(memory, everything, stop).await;
        let saw_every_cell = outcome.cells.is_none();
        match outcome.cells.or(outcome.shard) {
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
            self.looked.set(Whole::new(began, &outcome.progress));
        }
        meters::refused_now(memory.refused.count());
        self.looked.set_waiting(memory.waiting.values().cloned().collect());
        match self.store.progress().await {
            Ok(progress) => self.report(&progress, memory),
            Err(error) => tracing::warn!(%error, "progress of metering cannot be read"),
        }
    }

    /// Does what can be done: neither a manifest nor a shard that fails holds the others up.
    async fn look_at_all(&self, memory: &mut Memory, everything: bool, stop: &CancellationToken) -> Outcome {
        let read = match self.store.progress().await {
            Ok(known) => self.read_manifests(&known.manifests, memory).await,
            Err(error) => Err(error.into()),
        };
        let mut outcome = Outcome { progress: Progress::default(), cells: read.err(), shard: None };
        match self.store.progress().await {
            Ok(progress) => outcome.progress = progress,
            Err(error) => return Outcome { cells: Some(error.into()), ..outcome },
        }
        let Outcome { progress, shard: failure, .. } = &mut outcome;
        for manifest in &progress.manifests {
            for shard in 0..manifest.shard_count {
                if stop.is_cancelled() {
                    return outcome;
                }
                // Where what it goes on from is not known yet its objects wait.
                let Some(origin) = progress.origin(manifest, shard) else { continue };
                if let Err(error) = self.look_at_shard(manifest, &origin, progress, everything, memory).await
                {
                    *failure = Some(error);
                }
            }
        }
        outcome
    }

    async fn look_at_shard(
        &self,
        manifest: &Manifest,
        origin: &Origin,
        progress: &Progress,
        everything: bool,
        memory: &mut Memory,
    ) -> Result<(), IngestError> {
        if progress.is_unsettled(manifest, origin.name.shard) {
            self.settle(manifest, origin, progress, memory).await
        } else if !progress.is_replaced(manifest) || everything {
            self.take_in_shard(origin, progress, everything, memory).await
        } else {
            // A log that was replaced is not written any more, late objects aside.
            Ok(())
        }
    }

    /// Looks at one shard, reads again what was refused, and takes in what can be. Answers what it waits for now.
    pub(crate) async fn waits_for(
        &self,
        manifest: &Manifest,
        origin: &Origin,
        progress: &Progress,
    ) -> Result<Option<Waiting>, IngestError> {
        let mut memory = Memory::default();
        self.look_at_shard(manifest, origin, progress, true, &mut memory).await?;
        Ok(memory.waiting.remove(&origin.name))
    }

    fn report(&self, progress: &Progress, memory: &mut Memory) {
        let Some(now) = self.clock.as_ref().map(|clock| clock.unix_millis()) else { return };
        meters::progress(progress, &self.config.cells, now);
        memory.alerts.look(progress, &self.config.cells, now);
    }
}
