//! The routing table for gateways: which namespace is in which cell, and where that is.

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

/// The routing table, read from the database and watched. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RouteTable {
    store: Store,
    changes: watch::Sender<()>,
    stop: CancellationToken,
}

impl RouteTable {
    /// The table of a database.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, changes: watch::Sender::new(()), stop: CancellationToken::new() }
    }

    /// The same table, whose watches end when `stop` is cancelled: a server that drains does not wait for them.
    pub(crate) fn until(&self, stop: CancellationToken) -> Self {
        Self { stop, ..self.clone() }
    }

    /// Wakes the watchers: the table may have changed.
    pub(crate) fn changed(&self) {
        self.changes.send_replace(());
    }

    /// Wakes the watchers until `stop` is cancelled where another process has changed the table. While nobody watches
    /// nothing is read.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        let follow = async {
            let mut known = None;
            loop {
                tokio::time::sleep(POLL).await;
                if self.changes.receiver_count() == 0 {
                    continue;
                }
                match self.version().await {
                    Ok(version) => {
                        if known.replace(version) != Some(version) {
                            self.changed();
                        }
                    }
                    Err(error) => tracing::debug!(%error, "version of the routing table not read"),
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow => {}
        }
    }

    /// The whole table, as of one moment. A failover takes nothing of it: what a gateway goes by under a version is
    /// what that version is.
    pub(crate) async fn read(&self) -> Result<WatchRoutesResponse, StoreError> {
        self.store.confirmed(|snapshot| table(snapshot).boxed()).await
    }

    async fn version(&self) -> Result<u64, StoreError> {
        self.store.snapshot().await?.counter(Counter::Routes).await
    }

    /// The table once its version is another than `known`, or after `wait` its version alone. A gateway may know a
    /// version that is *higher*: the database was restored, and what it holds now counts. While nothing changes, only
    /// the version is read.
    pub(crate) async fn watch(&self, known: u64, wait: Duration) -> Result<WatchRoutesResponse, StoreError> {
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
