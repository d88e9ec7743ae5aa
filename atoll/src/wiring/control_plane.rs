//! The control plane as a process: the Cloud API's port with everything that is served on it, the internal listener,
//! and the worker of its workflows.

mod starter;
mod steps;

use std::sync::Arc;

use anyhow::Context;
use atoll_api::call::RawService;
use atoll_internal_api::billing::v1::billing_service;
use atoll_internal_api::usage::v1::{usage_operator_service, usage_service};
use atoll_rpc::Metrics;
use control_plane::{CellConfig, Config, ControlPlane, Database, Dependencies, RegionConfig, SystemEntropy};
use durable_workflows::{Activities, WorkerConfig, WorkflowClient};

use super::edge::forward::ForwardService;
use super::worker::{Worker, system_cell};
use crate::config::ControlPlaneConfig;
use crate::serve::clock::clock;
use crate::serve::lifetime::Lifetime;
use crate::serve::{internal_server_config, server_config};
use starter::DurableOperations;
use steps::OperationSteps;

/// Task queue of its workflows and their activities.
const TASK_QUEUE: &str = "control-plane";

const NO_DATABASE: &str =
    "no database is configured: give database_url in the configuration file, or --database-url-file";

/// Serves until `life` ends.
pub(crate) async fn serve(config: ControlPlaneConfig, life: Lifetime) -> anyhow::Result<()> {
    let cell = system_cell(&config.system_cell, &config.internal_token);
    let workflows = WorkflowClient::new(cell.clone(), TASK_QUEUE, "control-plane");
    let dependencies = Dependencies {
        clock: clock(config.time_offset.as_deref())?,
        entropy: Arc::new(SystemEntropy),
        starter: Arc::new(DurableOperations::new(workflows)),
        services: neighbours(&config)?,
        cloud_router: Some(Arc::new(billing::csv::with_invoice_csv)),
        metrics: Some(Metrics::install()?),
    };
    let plane = ControlPlane::build(plane_config(&config)?, dependencies).await?;
    let activities = Activities {
        namespaces: Some(Arc::new(OperationSteps::new(plane.activities()))),
        ..Activities::default()
    };
    let serving = plane.start(life.stop.clone()).await?;
    let worker_config =
        WorkerConfig { cell, task_queue: TASK_QUEUE.to_owned(), identity: "control-plane".to_owned() };
    let worker = Worker::start(worker_config, activities, &life.stop);

    let cloud = serving.cloud_address().to_string();
    let internal = serving.internal_address().to_string();
    let text = format!("Control plane serves on {cloud}.");
    life.ready(&[("cloud", cloud), ("internal", internal)], &text)?;
    let outcome = tokio::select! {
        biased;
        lost = serving.lost() => return Err(lost.into()),
        outcome = worker.until_stopped(&life.stop) => outcome,
    };
    serving.shutdown().await;
    outcome
}

/// Services of other processes that are served on the Cloud API's port.
fn neighbours(config: &ControlPlaneConfig) -> anyhow::Result<Vec<Arc<dyn RawService>>> {
    let token = config.internal_token.expose();
    Ok(vec![
        Arc::new(ForwardService::new(&usage_service::SERVICE, &config.metering, token)?),
        Arc::new(ForwardService::new(&usage_operator_service::SERVICE, &config.metering, token)?),
        Arc::new(ForwardService::new(&billing_service::SERVICE, &config.billing, token)?),
    ])
}

fn plane_config(config: &ControlPlaneConfig) -> anyhow::Result<Config> {
    let database = config.database_url.clone().context(NO_DATABASE)?;
    Database::parse(&database).context("the database's URL")?;
    let cells = config.cells.iter().map(|cell| CellConfig {
        id: cell.id.clone(),
        region: config.region.clone(),
        frontend: cell.frontend.clone(),
        admin: cell.admin.clone(),
        token: cell.admin_token.clone(),
        capacity: cell.capacity,
    });
    Ok(Config {
        database,
        allow_unsafe_database: config.allow_unsafe_database,
        cloud: server_config(config.listen, config.drain_seconds),
        public_metrics: config.public_metrics,
        internal: internal_server_config(config.internal_listen, config.drain_seconds),
        internal_token: config.internal_token.clone(),
        operator_key: Some(config.operator_key.clone()),
        gateway_address: config.gateway_address.clone(),
        regions: vec![RegionConfig { id: config.region.clone(), location: String::new() }],
        cells: cells.collect(),
        usage_address: Some(config.metering.clone()),
        usage_token: config.internal_token.clone(),
        ..Config::default()
    })
}
