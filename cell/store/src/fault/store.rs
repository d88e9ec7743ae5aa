//! A layer whose calls fail as planned.

use super::call::Call;
use super::layer::Layer;
use super::plan::{Fault, FaultRates, Plan, injected};
use crate::error::StoreError;
use crate::shard_store::Stores;
use crate::types::{Append, AppendOutcome, Checkpoint, OutboxRow, ShardId};
use crate::waiting::{WaitingKey, WaitingQueue};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Passes calls on to an engine, except where its plan says otherwise. Clones share plan and counters.
///
/// The plan is a script per kind of call, taken in order; calls beyond the script fail by chance, drawn from a
/// seed, so that a run of calls in the same order meets the same faults again.
#[derive(Clone)]
pub struct FaultStore {
    inner: Stores,
    plan: Arc<Mutex<Plan>>,
    elsewhere: bool,
}

impl FaultStore {
    /// Stands before `inner` without any fault planned; `seed` is for those by chance.
    pub fn new(inner: Stores, seed: u64) -> FaultStore {
        FaultStore { inner, plan: Arc::new(Mutex::new(Plan::new(seed))), elsewhere: false }
    }

    /// The same, as if its rows took none of this process's memory.
    pub fn elsewhere(self) -> FaultStore {
        FaultStore { elsewhere: true, ..self }
    }

    /// Handles on this store, one per seam.
    pub fn stores(&self) -> Stores {
        Stores::of(self.clone())
    }

    /// Plans what happens to the next call of this kind that nothing is planned for yet.
    pub fn script(&self, call: Call, fault: Fault) {
        self.plan.lock().script(call, fault);
    }

    /// Sets how often calls beyond the script fail.
    pub fn set_rates(&self, rates: FaultRates) {
        self.plan.lock().set_rates(rates);
    }

    /// From now on no page of this shard's outbox can be read; of none, they all can.
    pub fn fail_outbox_of(&self, shard: Option<ShardId>) {
        self.plan.lock().fail_outbox_of(shard);
    }

    /// From now on no slice of this shard's checkpoints can be written; of none, they all can.
    pub fn fail_checkpoints_of(&self, shard: Option<ShardId>) {
        self.plan.lock().fail_checkpoints_of(shard);
    }

    /// From now on every call of this kind takes so long before it does anything, by the runtime's clock.
    pub fn set_latency(&self, call: Call, latency: Duration) {
        self.plan.lock().set_latency(call, latency);
    }

    async fn take_time(&self, call: Call) {
        let latency = self.plan.lock().latency(call);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    /// How many calls of this kind have begun. Those that `fail_outbox_of` and `fail_checkpoints_of` refuse do not
    /// count.
    pub fn calls(&self, call: Call) -> u64 {
        self.plan.lock().calls(call)
    }

    /// How many calls were made to fail.
    pub fn injected(&self) -> u64 {
        self.plan.lock().injected()
    }
}

async fn meet<T>(
    fault: Fault,
    inner: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    match fault {
        Fault::None => inner.await,
        Fault::Before(error) => Err(error),
        Fault::Partly(_) | Fault::Forget | Fault::WentBack | Fault::Short => Err(injected()),
        Fault::Panic => panic!("a mistake in a store"),
        Fault::After(error) => inner.await.and(Err(error)),
        Fault::HoldBefore(gate) => {
            gate.pass().await;
            inner.await
        }
        Fault::HoldAfter(gate) => {
            let answer = inner.await;
            gate.pass().await;
            answer
        }
    }
}

#[async_trait]
impl Layer for FaultStore {
    fn inner(&self) -> &Stores {
        &self.inner
    }

    async fn pass<T: Send>(
        &self,
        call: Call,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = self.plan.lock().next(call, 0);
        self.take_time(call).await;
        meet(fault, inner).await
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        let fault = self.plan.lock().next(Call::Append, appends.len());
        self.take_time(Call::Append).await;
        if let Fault::Partly(shards) = fault {
            self.inner.shards.append(&appends[..shards.min(appends.len())]).await?;
            return Err(injected());
        }
        if let Fault::Forget = fault {
            self.plan.lock().forgot(appends);
            return Ok(vec![AppendOutcome::Accepted; appends.len()]);
        }
        if let Fault::WentBack = fault {
            return Ok(vec![AppendOutcome::WentBack; appends.len()]);
        }
        if let Fault::Short = fault {
            let outcomes = self.inner.shards.append(appends).await?;
            return Ok(outcomes[1..].to_vec());
        }
        meet(fault, self.inner.shards.append(appends)).await
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        if self.plan.lock().fails_checkpoints_of(slice.shard) {
            return Err(injected());
        }
        if self.plan.lock().forgets(slice.shard, slice.epoch) {
            return Ok(AppendOutcome::WentBack);
        }
        self.pass(Call::Checkpoint, self.inner.shards.checkpoint(slice)).await
    }

    /// Planned and counted as a look at the waiting tasks, like the tasks themselves.
    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.pass(Call::Waiting, self.inner.shards.waiting_count(queue, after, limit)).await
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        if self.plan.lock().fails_outbox_of(shard) {
            return Err(injected());
        }
        let page = self.inner.shards.outbox(shard, projection, after, limit, max_bytes);
        self.pass(Call::Outbox, page).await
    }

    fn memory_bytes(&self) -> usize {
        if self.elsewhere { 0 } else { self.inner.shards.memory_bytes() }
    }
}
