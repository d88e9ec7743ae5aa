//! A store before a store.

use super::plan::{ObjectCall, ObjectFault, ObjectFaultRates, Plan};
use crate::error::ObjectStoreError;
use crate::store::{ConditionalPut, ObjectStore};
use async_trait::async_trait;
use bytes::Bytes;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Passes calls on to an engine, except where its plan says otherwise. Clones share plan and counters.
///
/// Calls in the same order meet the same faults again.
#[derive(Clone)]
pub struct FaultObjects {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultObjects {
    /// Stands before `inner` without any fault planned; `seed` is for those by chance.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> FaultObjects {
        FaultObjects { inner, plan: Arc::new(Mutex::new(Plan::new(seed))) }
    }

    /// While it is away every call fails without effect.
    pub fn set_away(&self, away: bool) {
        self.plan().away = away;
    }

    /// Plans what happens to the next call of this kind that nothing is planned for yet.
    pub fn script(&self, call: ObjectCall, fault: ObjectFault) {
        self.plan().script(call, fault);
    }

    /// Sets how often calls beyond the script fail.
    pub fn set_rates(&self, rates: ObjectFaultRates) {
        self.plan().rates = rates;
    }

    /// How many calls of this kind have begun.
    pub fn calls(&self, call: ObjectCall) -> u64 {
        self.plan().calls(call)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass<T>(
        &self,
        call: ObjectCall,
        inner: impl Future<Output = Result<T, ObjectStoreError>> + Send,
    ) -> Result<T, ObjectStoreError> {
        let fault = self.plan().next(call);
        meet(fault, inner).await
    }
}

async fn meet<T>(
    fault: ObjectFault,
    inner: impl Future<Output = Result<T, ObjectStoreError>> + Send,
) -> Result<T, ObjectStoreError> {
    match fault {
        ObjectFault::None => inner.await,
        ObjectFault::Before | ObjectFault::Torn(_) => Err(injected()),
        ObjectFault::After => inner.await.and(Err(injected())),
        ObjectFault::Panic => panic!("a mistake in an object store"),
        ObjectFault::Delay(pause) => {
            tokio::time::sleep(pause).await;
            inner.await
        }
        ObjectFault::HoldBefore(gate) => {
            pass(&gate).await;
            inner.await
        }
        ObjectFault::HoldAfter(gate) => {
            let answer = inner.await;
            pass(&gate).await;
            answer
        }
    }
}

/// Takes a permit; a closed gate is open for all.
async fn pass(gate: &Semaphore) {
    if let Ok(permit) = gate.acquire().await {
        permit.forget();
    }
}

fn injected() -> ObjectStoreError {
    io::Error::other("injected fault").into()
}

#[async_trait]
impl ObjectStore for FaultObjects {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        let fault = self.plan().next(ObjectCall::Put);
        if let ObjectFault::Torn(kept) = fault {
            self.inner.put(key, bytes.slice(..kept.min(bytes.len()))).await?;
        }
        meet(fault, self.inner.put(key, bytes)).await
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        let fault = self.plan().next(ObjectCall::PutIfAbsent);
        if let ObjectFault::Torn(kept) = fault {
            let torn = bytes.slice(..kept.min(bytes.len()));
            let _written_or_there = self.inner.put_if_absent(key, torn).await?;
        }
        meet(fault, self.inner.put_if_absent(key, bytes)).await
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        self.pass(ObjectCall::Get, self.inner.get(key, most)).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        self.pass(ObjectCall::List, self.inner.list(prefix, after, limit)).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        self.pass(ObjectCall::Delete, self.inner.delete(key)).await
    }
}
