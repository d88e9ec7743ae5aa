//! The loops of a node beside those of its shards.

use super::Parts;
use crate::namespaces::{CellRecords, empty_removed};
use crate::went_back;
use cell_shard::Keeper;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Begins all of them. They run until the cell stops; one that fails is begun again.
pub(super) fn begin(parts: &Parts, records: &Arc<CellRecords>) {
    let loops = Loops { keeper: parts.shards.keeper(), stop: &parts.stop, background: &parts.background };
    if let Some(exporter) = parts.usage.clone() {
        loops.keep("usage export", move |stop| Arc::clone(&exporter).run(stop));
    }
    let (metadata, incarnations) = (Arc::clone(&parts.metadata), Arc::clone(&parts.incarnations));
    let stopped = Arc::clone(&parts.shards);
    loops.keep("went back", move |stop| {
        went_back::mark(Arc::clone(&stopped), Arc::clone(&metadata), Arc::clone(&incarnations), stop)
    });
    let lists = Arc::clone(&parts.visibility);
    loops.keep("visibility", move |stop| Arc::clone(&lists).run(stop));
    let (lists, runtime) = (Arc::clone(&parts.visibility), Arc::clone(&parts.shards));
    loops.keep("tombstones", move |stop| {
        let runtime = Arc::clone(&runtime);
        Arc::clone(&lists).end_tombstones(stop, move || runtime.wall_time())
    });
    let watch = Arc::clone(&parts.outbox);
    loops.keep("outbox watch", move |stop| Arc::clone(&watch).run(stop));
    let owed = Arc::clone(&parts.effects);
    loops.keep("owed tasks", move |stop| Arc::clone(&owed).store_owed(stop));
    let refilled = Arc::clone(&parts.effects);
    loops.keep("refill", move |stop| Arc::clone(&refilled).refill(stop));
    let (swept, sweep_clock) = (Arc::clone(&parts.matching), Arc::clone(&parts.clock));
    loops.keep("matching's sweep", move |stop| {
        let (matching, clock) = (Arc::clone(&swept), Arc::clone(&sweep_clock));
        async move {
            let sweep = matching.run_janitor(move || clock.now().millis());
            stop.run_until_cancelled(sweep).await;
        }
    });
    let (removed, shards) = (Arc::clone(records), Arc::clone(&parts.shards));
    loops.keep("removed namespaces", move |stop| {
        empty_removed(Arc::clone(&removed), Arc::clone(&shards), stop)
    });
}

/// Where loops are begun, and watched.
struct Loops<'a> {
    keeper: &'a Arc<Keeper>,
    stop: &'a CancellationToken,
    background: &'a TaskTracker,
}

impl Loops<'_> {
    fn keep<Loop: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        begin: impl Fn(CancellationToken) -> Loop + Send + Sync + 'static,
    ) {
        let (keeper, stop) = (Arc::clone(self.keeper), self.stop.clone());
        self.background.spawn(async move {
            keeper.keep(name, &stop, |_| {}, || begin(stop.clone())).await;
        });
    }
}
