//! An engine that can be stopped before and behind each of its calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::completeness::{Manifest, ShardProgress};
use crate::cube::CubeKey;
use crate::decision::Decision;
use crate::ledger::{KnownOwner, Ledger, Quantity};
use crate::lineage::Origin;
use crate::store::engine::{Engine, HeldShard, Snapshot};
use crate::store::{Change, OpenError, Selection, Store, StoreError};

/// What becomes of the one who comes to the step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// His call fails.
    Fail,
    /// He waits until he is let [go](Steps::go).
    Wait,
}

/// Counts steps, two of each call, and stops at one.
pub(super) struct Steps {
    taken: AtomicUsize,
    stop: usize,
    then: Then,
    reached: Semaphore,
    gate: Semaphore,
}

impl Steps {
    /// A store on the same engine, that stops at the step of this number, and its steps.
    pub(super) fn over(store: &Store, stop: usize, then: Then) -> (Store, Arc<Self>) {
        let steps = Arc::new(Self {
            taken: AtomicUsize::new(0),
            stop,
            then,
            reached: Semaphore::new(0),
            gate: Semaphore::new(0),
        });
        let engine = Stepped { inner: Arc::clone(&store.engine), steps: Arc::clone(&steps) };
        (Store { engine: Arc::new(engine) }, steps)
    }

    /// Steps so far.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Answers when somebody has come to the step.
    pub(super) async fn reached(&self) {
        drop(self.reached.acquire().await.unwrap());
    }

    pub(super) fn go(&self) {
        self.gate.add_permits(1);
    }

    async fn step(&self) -> Result<(), StoreError> {
        if self.taken.fetch_add(1, Ordering::Relaxed) != self.stop {
            return Ok(());
        }
        self.reached.add_permits(1);
        match self.then {
            Then::Fail => Err(StoreError::malformed("step", self.stop)),
            Then::Wait => {
                self.gate.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    }

    async fn around<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.step().await?;
        let answer = call.await?;
        self.step().await?;
        Ok(answer)
    }
}

struct Stepped {
    inner: Arc<dyn Engine>,
    steps: Arc<Steps>,
}

struct Shard<'a> {
    inner: Box<dyn HeldShard + 'a>,
    steps: Arc<Steps>,
}

struct Moment<'a> {
    inner: Box<dyn Snapshot + 'a>,
    steps: Arc<Steps>,
}

#[async_trait]
impl Engine for Stepped {
    async fn hold<'a>(&'a self, origin: &'a Origin) -> Result<Box<dyn HeldShard + 'a>, StoreError> {
        let inner = self.steps.around(self.inner.hold(origin)).await?;
        Ok(Box::new(Shard { inner, steps: Arc::clone(&self.steps) }))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let inner = self.steps.around(self.inner.snapshot()).await?;
        Ok(Box::new(Moment { inner, steps: Arc::clone(&self.steps) }))
    }

    async fn insert_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.steps.around(self.inner.insert_manifest(manifest)).await
    }

    async fn decide(&self, decision: &Decision) -> Result<Decision, StoreError> {
        self.steps.around(self.inner.decide(decision)).await
    }

    async fn lost(&self) -> OpenError {
        self.inner.lost().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl HeldShard for Shard<'_> {
    async fn ledger(&mut self) -> Result<Ledger, StoreError> {
        self.steps.around(self.inner.ledger()).await
    }

    async fn owners_in_cell(&mut self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, KnownOwner>, StoreError> {
        self.steps.around(self.inner.owners_in_cell(ids)).await
    }

    async fn save(&mut self, change: &Change<'_>) -> Result<(), StoreError> {
        self.steps.around(self.inner.save(change)).await
    }

    async fn add(&mut self, gains: &BTreeMap<CubeKey, Quantity>) -> Result<(), StoreError> {
        self.steps.around(self.inner.add(gains)).await
    }

    async fn decide(&mut self, decision: &Decision) -> Result<Decision, StoreError> {
        self.steps.around(self.inner.decide(decision)).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.steps.around(self.inner.commit()).await
    }

    async fn undo(self: Box<Self>) -> Result<(), StoreError> {
        self.steps.around(self.inner.undo()).await
    }
}

#[async_trait]
impl Snapshot for Moment<'_> {
    async fn manifests(&mut self) -> Result<Vec<Manifest>, StoreError> {
        self.steps.around(self.inner.manifests()).await
    }

    async fn shards(&mut self) -> Result<Vec<ShardProgress>, StoreError> {
        self.steps.around(self.inner.shards()).await
    }

    async fn decisions(&mut self) -> Result<Vec<Decision>, StoreError> {
        self.steps.around(self.inner.decisions()).await
    }

    async fn ledgers(
        &mut self,
        shards: &[&ShardProgress],
        account_id: Option<&str>,
    ) -> Result<Vec<Ledger>, StoreError> {
        self.steps.around(self.inner.ledgers(shards, account_id)).await
    }

    async fn cube(&mut self, selection: &Selection) -> Result<Vec<(CubeKey, Quantity)>, StoreError> {
        self.steps.around(self.inner.cube(selection)).await
    }

    async fn end(self: Box<Self>) -> Result<(), StoreError> {
        self.steps.around(self.inner.end()).await
    }
}
