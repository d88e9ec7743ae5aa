//! The gateway as a process.

use atoll_rpc::Metrics;
use gateway::{Config, Gateway};

use crate::config::GatewayConfig;
use crate::serve::lifetime::Lifetime;
use crate::serve::server_config;

/// Serves until `life` ends.
pub(crate) async fn serve(config: GatewayConfig, life: Lifetime) -> anyhow::Result<()> {
    let shows_metrics = config.shows_metrics();
    let gateway = Gateway::build(Config {
        server: server_config(config.listen, config.drain_seconds).at_edge(config.edge),
        control_plane: config.control_plane,
        token: config.internal_token,
        cache: Some(config.route_cache),
        ..Config::default()
    })?;
    let metrics = Some(Metrics::install()?).filter(|_| shows_metrics);
    let serving = gateway.start(metrics, life.stop.clone()).await?;
    let address = serving.local_addr().to_string();
    life.ready(&[("gateway", address.clone())], &format!("Gateway serves on {address}."))?;
    life.stop.cancelled().await;
    serving.shutdown().await;
    Ok(())
}
