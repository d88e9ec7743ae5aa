//! Listens, serves gRPC and HTTP on one port, and drains.

mod activity;
mod config;
mod connection;
mod core;
mod edge;
mod gather;
mod health;
mod reflection;
mod sniff;
mod streams;

use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dispatch::{Dispatcher, DispatcherError};
use crate::inherited::inherited_listener;
use crate::metrics::{Metrics, UPKEEP_INTERVAL};
pub use config::ServerConfig;
use connection::Connections;
use core::Core;
pub use edge::{EdgeConfig, InvalidNet, Net};
pub use health::Health;

/// Pause after a failed accept, which means that the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that is not started yet.
pub struct Server {
    config: ServerConfig,
    dispatcher: Dispatcher,
    router: Router,
    metrics: Option<Metrics>,
    map_router: Option<MapRouter>,
}

type MapRouter = Box<dyn FnOnce(Router) -> Router + Send>;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is in use or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The services do not fit together.
    #[error(transparent)]
    Dispatcher(#[from] DispatcherError),
}

impl Server {
    /// A server of `dispatcher`'s services, with health and, if configured, reflection.
    pub fn new(config: ServerConfig, dispatcher: Dispatcher) -> Self {
        Self { config, dispatcher, router: Router::new(), metrics: None, map_router: None }
    }

    /// Adds HTTP routes beside the REST ones, over which they win. They must not have a fallback, and authenticate
    /// themselves: only calls pass the dispatcher's interceptors. `ConnectInfo<SocketAddr>` tells them the peer.
    pub fn merge(mut self, router: Router) -> Self {
        self.router = self.router.merge(router);
        self
    }

    /// Wraps everything that is served over plain HTTP, REST included: for layers that answer some of its requests in
    /// another format. gRPC does not pass it.
    pub fn map_router(mut self, map: impl FnOnce(Router) -> Router + Send + 'static) -> Self {
        self.map_router = Some(Box::new(map));
        self
    }

    /// Serves `GET /metrics`.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Binds, unless a socket with the address was handed down to this process (see [`inherited_listener`]), and serves
    /// in the current runtime, of whatever kind, until `stop` is cancelled; then drains.
    pub async fn start(self, stop: CancellationToken) -> Result<ServerHandle, ServerError> {
        let address = self.config.listen;
        let bind_error = |source| ServerError::Bind { address, source };
        if let Some(listener) = inherited_listener(address).map_err(bind_error)? {
            return self.start_on(listener, stop);
        }
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        self.serve(listener, stop).map_err(|error| match error {
            Failure::Io(source) => bind_error(source),
            Failure::Dispatcher(error) => error.into(),
        })
    }

    /// Like [`start`](Self::start) on a socket that listens already.
    pub fn start_on(
        self,
        listener: StdTcpListener,
        stop: CancellationToken,
    ) -> Result<ServerHandle, ServerError> {
        let address = self.config.listen;
        let start = || -> Result<ServerHandle, Failure> {
            listener.set_nonblocking(true)?;
            self.serve(TcpListener::from_std(listener)?, stop)
        };
        start().map_err(|error| match error {
            Failure::Io(source) => ServerError::Bind { address, source },
            Failure::Dispatcher(error) => error.into(),
        })
    }

    fn serve(mut self, listener: TcpListener, stop: CancellationToken) -> Result<ServerHandle, Failure> {
        let local_addr = listener.local_addr()?;
        let tasks = TaskTracker::new();
        if let Some(metrics) = self.metrics.take() {
            self.router = self.router.merge(metrics.router());
            tasks.spawn(upkeep(metrics, stop.clone()));
        }
        let health = Health::new(self.dispatcher.services());
        let map = self.map_router.take();
        let core = Core::new(&self.config, self.dispatcher, self.router, map, health.clone())?;
        let connections = Connections::new(&self.config, Arc::new(core));
        let accepting = accept(listener, connections, self.config, health.clone(), stop.clone());
        let task = tokio::spawn(accepting);
        Ok(ServerHandle { local_addr, health, stop, task })
    }
}

enum Failure {
    Io(std::io::Error),
    Dispatcher(DispatcherError),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DispatcherError> for Failure {
    fn from(error: DispatcherError) -> Self {
        Self::Dispatcher(error)
    }
}

/// A running server. Dropping the handle leaves the server running.
pub struct ServerHandle {
    local_addr: SocketAddr,
    health: Health,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl ServerHandle {
    /// Where the server listens: the port that was free, if port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What the server's health answers say.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Stops accepting, lets running calls finish within the configured time, then cuts them.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.stopped().await;
    }

    /// Waits until the server has drained, whoever stopped it.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "server task failed");
        }
    }
}

async fn accept(
    listener: TcpListener,
    connections: Connections,
    config: ServerConfig,
    health: Health,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(config.max_connections));
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await.expect("never closed");
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => connections.spawn(stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    health.stop().await;
    connections.drain(Duration::from_secs(config.drain_seconds)).await;
}

async fn upkeep(metrics: Metrics, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => metrics.upkeep(),
        }
    }
}
