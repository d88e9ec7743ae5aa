//! Billing as a process: the API, and the worker of the month's workflow.

mod database;
mod directory;
mod runner;
mod steps;

use std::sync::Arc;

use atoll_rpc::{Dispatcher, Metrics, RawClient, Server};
use billing::Deps;
use billing::accounts::PayAsYouGoAccounts;
use billing::usage_source::{RemoteUsageService, UsageServiceSource};
use durable_workflows::{Activities, WorkerConfig, WorkflowClient};

use super::edge::guard::InternalGuard;
use super::worker::{Worker, system_cell};
use crate::config::BillingConfig;
use crate::serve::clock::clock;
use crate::serve::internal_server_config;
use crate::serve::lifetime::Lifetime;
use directory::ControlPlaneAccounts;
use runner::DurableMonths;
use steps::MonthSteps;

/// Task queue of the month's workflow and its activities.
const TASK_QUEUE: &str = "billing";

/// Serves until `life` ends.
pub(crate) async fn serve(config: BillingConfig, life: Lifetime) -> anyhow::Result<()> {
    let metrics = Metrics::install()?;
    let service_config = billing::Config {
        rate_cards: config.rate_cards.clone(),
        ..billing::Config::new(database::configured(&config)?)
    };
    let billing = billing::build(&service_config, deps(&config)?).await?;

    let cell = system_cell(&config.system_cell, &config.internal_token);
    let months = DurableMonths::new(WorkflowClient::new(cell.clone(), TASK_QUEUE, "billing"));
    let dispatcher = Dispatcher::builder("billing")
        .descriptors(atoll_internal_api::descriptor_pool())
        .interceptor(Arc::new(InternalGuard::new(config.internal_token.expose())))
        .service(billing.service(Arc::new(months)))
        .build()?;
    let server =
        Server::new(internal_server_config(config.listen, config.drain_seconds), dispatcher).metrics(metrics);
    let server = server.start(life.stop.clone()).await?;

    let activities = Activities {
        billing_months: Some(Arc::new(MonthSteps::new(billing.activities()))),
        ..Activities::default()
    };
    let worker_config =
        WorkerConfig { cell, task_queue: TASK_QUEUE.to_owned(), identity: "billing".to_owned() };
    let worker = Worker::start(worker_config, activities, &life.stop);

    let address = server.local_addr().to_string();
    life.ready(&[("billing", address.clone())], &format!("Billing serves on {address}."))?;
    let outcome = tokio::select! {
        biased;
        lost = billing.lost() => return Err(lost.into()),
        outcome = worker.until_stopped(&life.stop) => outcome,
    };
    server.shutdown().await;
    billing.close().await;
    outcome
}

fn deps(config: &BillingConfig) -> anyhow::Result<Deps> {
    let metering = RawClient::new(&config.metering)?;
    let usage = RemoteUsageService::new(metering, config.internal_token.clone());
    let directory = ControlPlaneAccounts::new(&config.control_plane, config.internal_token.clone())?;
    Ok(Deps {
        clock: clock(config.time_offset.as_deref())?,
        usage: Arc::new(UsageServiceSource::new(Arc::new(usage))),
        accounts: Arc::new(PayAsYouGoAccounts::new(Arc::new(directory))),
    })
}
