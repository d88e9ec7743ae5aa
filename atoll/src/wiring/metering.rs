//! Metering as a process.

use std::sync::Arc;

use atoll_internal_api::usage::v1::{UsageService, usage_service};
use atoll_rpc::{Dispatcher, Metrics, Server};

use super::edge::guard::InternalGuard;
use crate::config::MeteringConfig;
use crate::serve::lifetime::Lifetime;
use crate::serve::server_config;

/// Answers UNIMPLEMENTED to every method: ingest is not built yet.
struct NotBuilt;

impl UsageService for NotBuilt {}

/// Serves until `life` ends.
pub(crate) async fn serve(config: MeteringConfig, life: Lifetime) -> anyhow::Result<()> {
    let metrics = Metrics::install()?;
    let dispatcher = Dispatcher::builder("metering")
        .descriptors(atoll_internal_api::descriptor_pool())
        .interceptor(Arc::new(InternalGuard::new(&config.internal_token)))
        .service(usage_service::raw(Arc::new(NotBuilt)))
        .build()?;
    let server = Server::new(server_config(config.listen, config.drain_seconds), dispatcher).metrics(metrics);
    let server = server.start(life.stop.clone()).await?;
    let address = server.local_addr().to_string();
    life.ready(&[("metering", address.clone())], &format!("Metering serves on {address}."))?;
    server.stopped().await;
    Ok(())
}
