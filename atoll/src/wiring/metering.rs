//! Metering as a process: the usage API, and the loop that takes usage objects in.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use atoll_object_store::{ObjectStore, Use};
use atoll_rpc::{Dispatcher, Metrics, Server};
use metering::{Config, Database, Deps, Metering};

use super::edge::guard::InternalGuard;
use super::objects::Objects;
use crate::cli::UsageError;
use crate::config::MeteringConfig;
use crate::serve::clock::clock;
use crate::serve::internal_server_config;
use crate::serve::lifetime::Lifetime;

/// Serves until `life` ends.
pub(crate) async fn serve(config: MeteringConfig, life: Lifetime) -> anyhow::Result<()> {
    let metrics = Metrics::install()?;
    let database = database(&config)?;
    // Whatever is refused, everything is as it was: metering writes to no object store, and to no database before this.
    metering::inspect_database(&database).await?;
    let objects = objects(&config).await?;
    let metering_config = Config {
        database,
        cells: config.cells.clone(),
        interval: Duration::from_secs(config.ingest_interval_seconds.max(1)),
    };
    let deps = Deps { objects };
    let metering =
        Metering::build(metering_config, deps).await?.with_clock(clock(config.time_offset.as_deref())?);
    let dispatcher = Dispatcher::builder("metering")
        .descriptors(atoll_internal_api::descriptor_pool())
        .interceptor(Arc::new(InternalGuard::new(config.internal_token.expose())))
        .service(metering.service())
        .service(metering.operator_service())
        .build()?;
    let server =
        Server::new(internal_server_config(config.listen, config.drain_seconds), dispatcher).metrics(metrics);
    let server = server.start(life.stop.clone()).await?;
    let taking_in = tokio::spawn(metering.clone().run(life.stop.clone()));

    let address = server.local_addr().to_string();
    life.ready(&[("metering", address.clone())], &format!("Metering serves on {address}."))?;
    // It ends only when told to: anything else is a defect, and the supervisor starts the process again.
    let outcome = tokio::select! {
        biased;
        lost = metering.lost() => return Err(lost.into()),
        outcome = taking_in => outcome.context("taking usage in"),
    };
    life.stop.cancel();
    server.stopped().await;
    metering.close().await;
    outcome
}

/// The object store, which may be away: until it answers no usage is called complete.
async fn objects(config: &MeteringConfig) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let url = config.objects_url.as_ref().ok_or_else(|| {
        UsageError::new("metering has no object store: give --objects-url or `objects_url`")
    })?;
    let objects = Objects::configured(url, Use::Read).await?;
    objects.prove_or_wait().await?;
    Ok(objects.store())
}

/// What the configuration says. Where the URL is wrong it is not told.
fn database(config: &MeteringConfig) -> anyhow::Result<Database> {
    let url = config.database_url.as_ref().ok_or_else(|| {
        UsageError::new(
            "metering has no database: give --database-url, --database-url-file or `database_url`",
        )
    })?;
    let database = Database::parse(url).context("the database's URL")?;
    Ok(database.allow_unsafe(config.allow_unsafe_database))
}
