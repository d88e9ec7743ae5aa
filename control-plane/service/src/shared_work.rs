//! Work that one of several processes does.

use crate::store::{LEASE, Store, StoreError, Task};

/// Does `work` while this process has the task; none where another one has it. The lease is renewed meanwhile. Where
/// that fails the work goes on: what it does is harmless beside another's.
pub(crate) async fn alone<T>(
    store: &Store,
    task: Task,
    work: impl Future<Output = T>,
) -> Result<Option<T>, StoreError> {
    if !store.take(task).await? {
        return Ok(None);
    }
    let renewing = async {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            if let Err(error) = store.take(task).await {
                tracing::debug!(%error, ?task, "lease not renewed");
            }
        }
    };
    tokio::select! {
        done = work => Ok(Some(done)),
        () = renewing => Ok(None),
    }
}

/// Lets another process take the task at once, where this one had it.
pub(crate) async fn leave(store: &Store, task: Task) {
    if let Err(error) = store.give_up(task).await {
        tracing::debug!(%error, ?task, "lease not given up: it ends by itself");
    }
}
