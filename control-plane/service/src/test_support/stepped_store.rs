use std::sync::Arc;

use async_trait::async_trait;

use super::schedules::step_ends;
use crate::store::{DatabaseError, Engine, Lock, Look, StoreError, Task, Transaction};

/// A store of which each use begins a step: others may run between a look at the database and the next one.
#[derive(Debug)]
pub(crate) struct SteppedStore(pub(crate) Arc<dyn Engine>);

#[async_trait]
impl Engine for SteppedStore {
    async fn snapshot(&self) -> Result<Box<dyn Look>, StoreError> {
        step_ends().await;
        self.0.snapshot().await
    }

    async fn write(&self, lock: Lock<'_>) -> Result<Box<dyn Transaction>, StoreError> {
        step_ends().await;
        self.0.write(lock).await
    }

    async fn take(&self, task: Task) -> Result<bool, StoreError> {
        self.0.take(task).await
    }

    async fn give_up(&self, task: Task) -> Result<(), StoreError> {
        self.0.give_up(task).await
    }

    async fn lost(&self) -> DatabaseError {
        self.0.lost().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
