//! Anti-entropy: compares what cells hold with what they should, and repairs the difference.
//!
//! A background task without input: each round reads everything again, so that it is right after any crash, and needs
//! nobody to tell it what happened. It finishes what workflows gave up (a compensation whose cell was away) and heals
//! what no workflow knows of (a cell that came back from an old backup). It is no workflow itself, because it must run
//! while the system cell is away. Of several processes on one database one has its lease; two rounds side by side do no
//! harm. One that reaches no cell lets go of the lease. A cell that the one with the lease does not reach is looked at
//! and brought to what it should hold by the others: it counts as dead when none of them sees it.

mod plan;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use atoll_internal_api::cell::v1::GetStatusResponse;
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::activities::{Activities, StepError};
use crate::config::ReconcileConfig;
use crate::model::{Cell, Health, Namespace, Pushed, Recovering};
use crate::shared_work::{alone, leave};
use crate::store::{Counter, Lock, POLL, Sighting, StoreError, Task, Transaction};
pub(crate) use plan::Repair;
use plan::plan;

/// Brings cells to what they should hold.
#[derive(Clone)]
pub(crate) struct Reconciler {
    activities: Activities,
    config: ReconcileConfig,
    wake: Arc<Notify>,
}

/// What a cell should hold.
struct Desired {
    /// What is assigned to it and not deleted; of what was deleted only what it holds still.
    namespaces: Vec<Namespace>,
    key_generation: u64,
    /// What of it is not pushed until an operator has decided.
    recovering: Vec<Recovering>,
}

/// What came of asking a cell how it is.
enum Seen {
    Nothing { problem: String },
    Answer { healthy: bool, problems: Vec<String> },
}

/// What one round found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReconcileRound {
    /// One report per cell, by id.
    pub cells: Vec<CellReport>,
}

/// What a round found in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CellReport {
    /// The cell.
    pub cell_id: String,
    /// What was found and done.
    pub outcome: CellOutcome,
}

/// What a round found in a cell, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CellOutcome {
    /// It does not answer.
    Unreachable {
        /// Why.
        problem: String,
    },
    /// It answered.
    Seen {
        /// What was repaired.
        repaired: Vec<Repair>,
        /// What could not be, and why; the next round tries again.
        failed: Vec<(Repair, String)>,
        /// Namespaces that this control plane never placed there. They are left alone.
        unknown: Vec<String>,
        /// What is not pushed to it until an operator has decided.
        recovering: Vec<Recovering>,
    },
}

impl ReconcileRound {
    /// Whether there are cells, and none has answered: more likely it is this process that reaches none.
    fn is_cut_off(&self) -> bool {
        let missed = |report: &CellReport| matches!(report.outcome, CellOutcome::Unreachable { .. });
        !self.cells.is_empty() && self.cells.iter().all(missed)
    }
}

impl Reconciler {
    /// A reconciler that also runs when `wake` is notified.
    pub(crate) fn new(activities: Activities, config: ReconcileConfig, wake: Arc<Notify>) -> Self {
        Self { activities, config, wake }
    }

    /// One round over all cells, side by side: one that hangs delays no other.
    pub(crate) async fn run_once(&self) -> Result<ReconcileRound, StoreError> {
        let cells = {
            let mut snapshot = self.activities.store.snapshot().await?;
            snapshot.cells().await?
        };
        let reports = join_all(cells.iter().map(|cell| self.reconcile(cell))).await;
        Ok(ReconcileRound { cells: reports.into_iter().collect::<Result<_, _>>()? })
    }

    /// Rounds until `stop` is cancelled, where no other process makes them.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let store = self.activities.store.clone();
        loop {
            let wanted = self.wanted().await;
            let round = async {
                match alone(&store, Task::Reconciler, self.run_once()).await {
                    Ok(Some(Err(error))) | Err(error) => {
                        tracing::warn!(%error, "reconciling with cells failed");
                    }
                    // Until this one's next round another one comes.
                    Ok(Some(Ok(round))) if round.is_cut_off() => leave(&store, Task::Reconciler).await,
                    Ok(Some(Ok(_))) => {}
                    Ok(None) => self.look_at_missed().await,
                }
                self.until_wanted(wanted).await;
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = round => {}
            }
        }
        leave(&store, Task::Reconciler).await;
    }

    /// Asks the cells that did not answer whoever makes the rounds. Those that answer live, because a cell is dead when
    /// no process sees it; and they are brought to what they should hold here, because nobody else can.
    pub(crate) async fn look_at_missed(&self) {
        let look = async {
            let cells = self.activities.store.snapshot().await?.cells().await?;
            let missed = cells.iter().filter(|cell| cell.failures > 0);
            let looks = missed.map(async |cell| match self.activities.cells.status(cell).await {
                Ok(observed) => self.bring(cell, &observed).await.map(drop),
                Err(_) => Ok(()),
            });
            join_all(looks).await.into_iter().collect::<Result<(), StoreError>>()
        };
        if let Err(error) = look.await {
            tracing::debug!(%error, "cells that were missed were not looked at");
        }
    }

    /// Ends when the next round is due: after the interval, or where somebody wants one since `before`.
    async fn until_wanted(&self, before: Option<u64>) {
        let interval = tokio::time::sleep(Duration::from_millis(self.config.interval_ms));
        let wanted = async {
            loop {
                // Other processes want rounds, too: being woken is a hint.
                if tokio::time::timeout(POLL, self.wake.notified()).await.is_ok() {
                    return;
                }
                let now = self.wanted().await;
                if now.is_some() && now != before {
                    return;
                }
            }
        };
        tokio::select! {
            () = interval => {}
            () = wanted => {}
        }
    }

    /// What rises where a round is wanted; none where the database does not say.
    async fn wanted(&self) -> Option<u64> {
        let mut snapshot = self.activities.store.snapshot().await.ok()?;
        snapshot.counter(Counter::Wanted).await.ok()
    }

    async fn reconcile(&self, cell: &Cell) -> Result<CellReport, StoreError> {
        let outcome = match self.activities.cells.status(cell).await {
            Err(error) => {
                let problem = error.to_string();
                self.record(&cell.id, Seen::Nothing { problem: problem.clone() }).await?;
                CellOutcome::Unreachable { problem }
            }
            Ok(observed) => self.bring(cell, &observed).await?,
        };
        Ok(CellReport { cell_id: cell.id.clone(), outcome })
    }

    /// Brings a cell that has answered to what it should hold. Two at a time do no harm.
    async fn bring(&self, cell: &Cell, observed: &GetStatusResponse) -> Result<CellOutcome, StoreError> {
        let Desired { namespaces, key_generation, recovering } = self.answered(cell, observed).await?;
        let mut plan = plan(&namespaces, key_generation, observed);
        plan.repairs.retain(|repair| !repair.waits(&recovering));
        let (mut repaired, mut failed) = (Vec::new(), Vec::new());
        for repair in plan.repairs {
            match self.repair(cell, &repair).await {
                Ok(()) => repaired.push(repair),
                Err(error) => failed.push((repair, error.to_string())),
            }
        }
        if !repaired.is_empty() || !failed.is_empty() {
            tracing::info!(cell = cell.id, ?repaired, ?failed, "cell differed from what it should hold");
        }
        Ok(CellOutcome::Seen { repaired, failed, unknown: plan.unknown, recovering })
    }

    /// Notes that a cell has answered. Gives what it should hold.
    async fn answered(&self, cell: &Cell, observed: &GetStatusResponse) -> Result<Desired, StoreError> {
        let desired = self.desired(cell, observed).await?;
        let mut problems = observed.problems.clone();
        problems.extend(desired.recovering.iter().map(ToString::to_string));
        self.record(&cell.id, Seen::Answer { healthy: observed.healthy, problems }).await?;
        Ok(desired)
    }

    async fn desired(&self, cell: &Cell, observed: &GetStatusResponse) -> Result<Desired, StoreError> {
        let mut snapshot = self.activities.store.snapshot().await?;
        let mut namespaces = snapshot.namespaces_of_cell(&cell.id).await?;
        let listed: HashSet<Uuid> = namespaces.iter().map(|namespace| namespace.uuid).collect();
        let held = observed.namespaces.iter().filter_map(|held| Uuid::from_slice(&held.id).ok());
        for uuid in held.filter(|uuid| !listed.contains(uuid)) {
            let found = snapshot.namespace(uuid).await?;
            namespaces.extend(found.filter(|namespace| namespace.cell_id.as_ref() == Some(&cell.id)));
        }
        let key_generation = snapshot.counter(Counter::KeySet).await?;
        let mut recovering = snapshot.all_recovering().await?;
        recovering.retain(|ahead| match ahead.subject {
            Pushed::KeySet => true,
            Pushed::Namespace(uuid) => {
                ahead.cell_id == cell.id || namespaces.iter().any(|namespace| namespace.uuid == uuid)
            }
        });
        Ok(Desired { namespaces, key_generation, recovering })
    }

    async fn repair(&self, cell: &Cell, repair: &Repair) -> Result<(), StepError> {
        match repair {
            Repair::ApplyKeySet => self.activities.push_keys_to(cell).await,
            Repair::ApplyNamespace { uuid, .. } => {
                // Read again: the namespace may have changed, or be gone, since the plan was made.
                match self.namespace(*uuid).await? {
                    Some(namespace) if namespace.state.wants_cell() => {
                        self.activities.apply_to(cell, &namespace).await
                    }
                    _ => Ok(()),
                }
            }
            Repair::RemoveNamespace { uuid, .. } => match self.namespace(*uuid).await? {
                Some(namespace) if !namespace.state.wants_cell() => {
                    let generation = namespace.generation.cast_unsigned();
                    Ok(self.activities.cells.remove_namespace(cell, *uuid, generation).await?)
                }
                _ => Ok(()),
            },
            Repair::Recover { subject, held } => self.activities.settle(cell, *subject, 0, *held).await,
        }
    }

    /// A namespace that is to be brought to its cell; refuses while an operator has to decide about it.
    async fn namespace(&self, uuid: Uuid) -> Result<Option<Namespace>, StepError> {
        let read = self.activities.store.confirmed(|snapshot| {
            async move {
                Activities::unless_recovering(snapshot, Pushed::Namespace(uuid)).await?;
                Ok::<_, StepError>(snapshot.namespace(uuid).await?)
            }
            .boxed()
        });
        read.await
    }

    /// Writes what was seen, judged by what was seen before.
    async fn record(&self, cell_id: &str, seen: Seen) -> Result<(), StoreError> {
        let now_ms = self.activities.clock.unix_millis();
        let dead_after = self.config.dead_after;
        let changed = self.activities.store.write(Lock::Cell(cell_id), |transaction| {
            judge(transaction, cell_id, seen, now_ms, dead_after).boxed()
        });
        if let Some((before, health, problems)) = changed.await? {
            let (from, to) = (before.name(), health.name());
            tracing::info!(cell = cell_id, from, to, ?problems, "cell health changed");
        }
        Ok(())
    }
}

/// Writes what was seen of a cell. Gives what its health was, what it is now and why, where that is another.
async fn judge(
    transaction: &mut dyn Transaction,
    cell_id: &str,
    seen: Seen,
    now_ms: i64,
    dead_after: u32,
) -> Result<Option<(Health, Health, Vec<String>)>, StoreError> {
    let Some(before) = transaction.cell(cell_id).await? else { return Ok(None) };
    let (health, problems, failures, seen_ms) = match seen {
        Seen::Nothing { problem } => {
            let failures = before.failures.saturating_add(1);
            let dead = failures >= dead_after;
            (if dead { Health::Dead } else { before.health }, vec![problem], failures, None)
        }
        Seen::Answer { healthy, problems } => {
            let health = if healthy { Health::Healthy } else { Health::Dead };
            (health, problems, 0, Some(now_ms))
        }
    };
    let sighting = Sighting { cell_id, health, problems: &problems, failures, seen_ms };
    transaction.see_cell(&sighting).await?;
    Ok((health != before.health).then_some((before.health, health, problems)))
}
