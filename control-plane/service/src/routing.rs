//! The routing table for gateways: which namespace is in which cell, and where that is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_internal_api::cell::v1::{
    CellAddress, Route, RoutingService, WatchRoutesRequest, WatchRoutesResponse,
};
use futures::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;
use crate::store::{Counter, POLL, Snapshot, Store, StoreError};

/// How long a watch waits when its caller gave no deadline.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// How long before its caller's deadline a watch answers.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a gateway that knows nothing waits for the newest table before it is given the last that stood.
const SOON: Duration = Duration::from_secs(1);

/// The routing table, read from the database and watched. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RouteTable {
    store: Store,
    changes: watch::Sender<()>,
    /// The last that was read and stands.
    last: Arc<Mutex<Option<WatchRoutesResponse>>>,
    stop: CancellationToken,
}

impl RouteTable {
    /// The table of a database.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, changes: watch::Sender::new(()), last: Arc::default(), stop: CancellationToken::new() }
    }

    /// The same table, whose watches end when `stop` is cancelled: a server that drains does not wait for them.
    pub(crate) fn until(&self, stop: CancellationToken) -> Self {
        Self { stop, ..self.clone() }
    }

    /// Wakes the watchers: the table may have changed.
    pub(crate) fn changed(&self) {
        self.changes.send_replace(());
    }

    /// Wakes the watchers until `stop` is cancelled where another process has changed the table, and keeps the newest
    /// that stands: a gateway that starts while the standby is away gets that one.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        let follow = async {
            let mut known = None;
            loop {
                if let Err(error) = self.look(&mut known).await {
                    tracing::debug!(%error, "routing table not read");
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow => {}
        }
    }

    async fn look(&self, known: &mut Option<u64>) -> Result<(), StoreError> {
        let version = self.version().await?;
        if known.replace(version) != Some(version) {
            self.changed();
        }
        let kept = self.last().as_ref().map(|table| table.version);
        if kept != Some(version) {
            self.read().await?;
        }
        Ok(())
    }

    fn last(&self) -> MutexGuard<'_, Option<WatchRoutesResponse>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole table, as of one moment. A failover takes nothing of it: what a gateway goes by under a version is
    /// what that version is.
    pub(crate) async fn read(&self) -> Result<WatchRoutesResponse, StoreError> {
        let table = self.store.confirmed(|snapshot| table(snapshot).boxed()).await?;
        *self.last() = Some(table.clone());
        Ok(table)
    }

    /// The whole table for a gateway that has none; where the newest does not come soon, the last that stood. The
    /// gateway watches on from that one, and gets the newest when it stands.
    async fn first(&self) -> Result<WatchRoutesResponse, StoreError> {
        let last = self.last().clone();
        let Some(last) = last else { return self.read().await };
        match tokio::time::timeout(SOON, self.read()).await {
            Ok(Err(error)) if !error.is_retryable() => Err(error),
            Ok(Ok(newest)) => Ok(newest),
            Ok(Err(_)) | Err(_) => Ok(last),
        }
    }

    async fn version(&self) -> Result<u64, StoreError> {
        self.store.snapshot().await?.counter(Counter::Routes).await
    }

    /// The table once its version is another than `known`, or after `wait` its version alone. A gateway may know a
    /// version that is *higher*: the database was restored, and what it holds now counts. While nothing changes, only
    /// the version is read. Version 0 is no table's: see [`first`](Self::first); without `wait` the answer is about the
    /// newest table in any case.
    pub(crate) async fn watch(&self, known: u64, wait: Duration) -> Result<WatchRoutesResponse, StoreError> {
        if known == 0 && !wait.is_zero() {
            return self.first().await;
        }
        let mut changes = self.changes.subscribe();
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            // Marked as seen before reading, so that a change during the read wakes the wait below.
            changes.mark_unchanged();
            if self.version().await? != known {
                return self.read().await;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(deadline) => return Ok(unchanged(known)),
                () = self.stop.cancelled() => return Ok(unchanged(known)),
            }
        }
    }
}

async fn table(snapshot: &mut dyn Snapshot) -> Result<WatchRoutesResponse, StoreError> {
    let version = snapshot.counter(Counter::Routes).await?;
    let cells = snapshot.cells().await?;
    let routes = snapshot.routes().await?;
    Ok(WatchRoutesResponse {
        version,
        cells: cells
            .into_iter()
            .map(|cell| CellAddress { cell_id: cell.id, frontend: cell.frontend })
            .collect(),
        routes: routes.into_iter().map(|(namespace, cell_id)| Route { namespace, cell_id }).collect(),
    })
}

fn unchanged(version: u64) -> WatchRoutesResponse {
    WatchRoutesResponse { version, ..WatchRoutesResponse::default() }
}

#[async_trait]
impl RoutingService for RouteTable {
    async fn watch_routes(
        &self,
        ctx: &CallContext,
        request: WatchRoutesRequest,
    ) -> Result<WatchRoutesResponse, Status> {
        let now = tokio::time::Instant::now().into_std();
        let wait = match request.now {
            true => Duration::ZERO,
            false => ctx.remaining(now).map_or(MAX_WAIT, |left| left.saturating_sub(MARGIN).min(MAX_WAIT)),
        };
        Ok(self.watch(request.after_version, wait).await.map_err(ApiError::from)?)
    }
}
