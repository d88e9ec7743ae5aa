//! Start-up: configuration and dependencies in, a handle out.

use std::sync::Arc;

use atoll_api::call::RawService;
use atoll_internal_api::usage::v1::{
    UsageOperatorService, UsageService, usage_operator_service, usage_service,
};
use atoll_object_store::ObjectStore;
use atoll_rpc::Clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::ingest::{Ingest, Looked};
use crate::service::{Operator, Usage};
use crate::store::{OpenError, Store};

/// What metering is built from.
pub struct Deps {
    /// Where cells put their usage.
    pub objects: Arc<dyn ObjectStore>,
}

/// Metering, ready to serve and to run. Clones share it.
#[derive(Clone)]
pub struct Metering {
    store: Store,
    objects: Arc<dyn ObjectStore>,
    clock: Option<Arc<dyn Clock>>,
    config: Config,
    looked: Looked,
}

impl Metering {
    /// Opens the database, making and migrating it as needed. One that is foreign, newer or not durable is refused, and
    /// nothing has been written then. The object store may be away; the database may be from then on.
    pub fn build(config: Config, deps: Deps) -> BoxFuture<'static, Result<Self, OpenError>> {
        async move {
            let store = Store::open(&config.database).await?;
            Ok(Self { store, objects: deps.objects, clock: None, config, looked: Looked::never() })
        }
        .boxed()
    }

    /// Tells the time, which must be that of the cells. With it, hours that are open too long are alerts, and an hour
    /// counts as complete only if it was looked for after its end: a cell that came into being meanwhile is not
    /// overlooked.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// `atoll.usage.v1.UsageService` for the dispatcher.
    pub fn service(&self) -> Arc<dyn RawService> {
        usage_service::raw(Arc::new(self.api()))
    }

    /// The same, for callers in this process.
    pub fn usage(&self) -> Arc<dyn UsageService> {
        Arc::new(self.api())
    }

    /// `atoll.usage.v1.UsageOperatorService` for the dispatcher.
    pub fn operator_service(&self) -> Arc<dyn RawService> {
        usage_operator_service::raw(Arc::new(self.operator_api()))
    }

    /// The same, for callers in this process.
    pub fn operator(&self) -> Arc<dyn UsageOperatorService> {
        Arc::new(self.operator_api())
    }

    fn operator_api(&self) -> Operator {
        Operator {
            store: self.store.clone(),
            cells: self.config.cells.clone(),
            looked: self.looked.clone(),
            clock: self.clock.clone(),
            ingest: self.ingest(),
        }
    }

    fn api(&self) -> Usage {
        Usage { store: self.store.clone(), cells: self.config.cells.clone(), looked: self.looked.clone() }
    }

    /// Takes objects in until `stop`; then ends with the shard it is at. Dropped in between, it leaves the object that
    /// it was taking in out, and the next run takes it.
    pub fn run(self, stop: CancellationToken) -> BoxFuture<'static, ()> {
        async move {
            self.ingest().run(stop).await;
        }
        .boxed()
    }

    pub(crate) fn ingest(&self) -> Ingest {
        Ingest {
            store: self.store.clone(),
            objects: Arc::clone(&self.objects),
            clock: self.clock.clone(),
            config: self.config.clone(),
            looked: self.looked.clone(),
        }
    }

    /// Ends when the database file was removed or replaced while it was open, or its server was told to lose what it
    /// commits. The process has to end then, at once: nothing that it acknowledges is kept.
    pub async fn lost(&self) -> OpenError {
        self.store.lost().await
    }

    /// Closes the database. Call it once nothing calls any more.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
