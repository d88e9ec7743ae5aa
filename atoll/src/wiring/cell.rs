//! A cell as a process, or as all of a lone development server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use atoll_api::temporal::api::enums::v1::IndexedValueType;
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_object_store::{ObjectStore, Use};
use atoll_rpc::{Metrics, wire_time};
use cell_frontend::DynamicConfig;
use cell_memory::machine;
use cell_node::{Access, AdminConfig, CellDeps, CellHandle};
use tokio_util::sync::CancellationToken;

use super::objects::Objects;
use super::stores::{Database, OpenStores};
use crate::config::{AuthMode, CellConfig, NamespaceConfig};
use crate::serve::clock::clock;
use crate::serve::lifetime::Lifetime;

/// Least of a shard's log between two checkpoints: fewer bytes make it do little else.
const LEAST_LOG_BYTES: u64 = 64 << 10;

/// Shards of a new cell on PostgreSQL: a count stays for good, and these are to go to many nodes one day.
const SHARDS_ON_POSTGRES: u32 = 64;

/// A cell that serves, with the databases under it.
pub(crate) struct RunningCell {
    cell: CellHandle,
    stores: OpenStores,
}

impl RunningCell {
    /// Where its clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.cell.local_addr()
    }

    /// Where the control plane connects.
    fn admin_address(&self) -> Option<SocketAddr> {
        self.cell.admin_addr()
    }

    /// Serves until `stop`, then drains, takes a last checkpoint, closes the databases. Where a database is lost it
    /// stops at once and acknowledges nothing more: what it wrote since is not kept.
    pub(crate) async fn until(self, stop: &CancellationToken) -> anyhow::Result<()> {
        let Self { cell, stores } = self;
        let stopped = async {
            stop.cancelled().await;
            cell.shutdown().await;
            Ok(())
        };
        unless_lost(&stores, stopped).await?;
        stores.close().await;
        Ok(())
    }
}

/// Does something as long as the databases are this process's, and says to others that they are.
async fn unless_lost<T>(
    stores: &OpenStores,
    done: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        biased;
        done = done => done,
        lost = stores.lost() => Err(lost),
    }
}

/// Opens the databases and starts the cell: when this returns, it serves.
pub(crate) async fn start(config: &CellConfig) -> anyhow::Result<RunningCell> {
    let database = Database::configured(config)?;
    let node_config = node_config(config, &database)?;
    let metrics = Metrics::install()?;
    let objects = match &config.objects_url {
        Some(url) => Some(Objects::configured(url, Use::Write).await?),
        None => None,
    };
    let stores = Box::pin(OpenStores::open(&database, config, prove(objects.as_ref()))).await?;
    let objects = objects.map(|objects| objects.store());
    match unless_lost(&stores, start_on(config, node_config, &stores, objects, metrics)).await {
        Ok(cell) => Ok(RunningCell { cell, stores }),
        Err(error) => {
            stores.close().await;
            Err(error)
        }
    }
}

/// Refuses an object store that takes no usage. One that is away is not waited for: usage waits in the database.
async fn prove(objects: Option<&Objects>) -> anyhow::Result<()> {
    match objects {
        Some(objects) => objects.prove_or_wait().await,
        None => Ok(()),
    }
}

async fn start_on(
    config: &CellConfig,
    node_config: cell_node::CellConfig,
    stores: &OpenStores,
    objects: Option<Arc<dyn ObjectStore>>,
    metrics: Metrics,
) -> anyhow::Result<CellHandle> {
    let deps = CellDeps {
        stores: stores.stores.clone(),
        visibility: Arc::clone(&stores.visibility),
        objects,
        clock: clock(config.time_offset.as_deref())?,
        ids: Arc::new(atoll_rpc::SystemIds),
        metrics: Some(metrics),
    };
    cell_node::start(node_config, deps).await.context("the cell does not start")
}

/// Serves until `life` ends.
pub(crate) async fn serve(config: CellConfig, life: Lifetime) -> anyhow::Result<()> {
    let cell = start(&config).await?;
    let address = cell.address().to_string();
    let mut addresses = vec![("frontend", address.clone())];
    if let Some(admin) = cell.admin_address() {
        addresses.push(("admin", admin.to_string()));
    }
    life.ready(&addresses, &format!("Cell {} serves on {address}.", config.cell_id))?;
    cell.until(&life.stop).await
}

fn node_config(config: &CellConfig, database: &Database) -> anyhow::Result<cell_node::CellConfig> {
    let settings = config.dynamic.iter().map(|(key, value)| format!("{key}={value}"));
    let parsed = DynamicConfig::parse(settings.collect::<Vec<_>>())?;
    for warning in &parsed.warnings {
        tracing::warn!("{warning}");
    }
    let access = match config.auth {
        AuthMode::Open if config.admin.is_some() => {
            bail!(
                "a cell with an admin listener serves tenants, and would serve them to everybody: auth = \"keys\" is needed"
            )
        }
        AuthMode::Open => Access::Open,
        AuthMode::Keys if config.internal_token.is_none() => {
            bail!("internal_token is needed with auth = keys")
        }
        AuthMode::Keys => Access::Keys { internal_token: config.internal_token.clone() },
    };
    let mut shards = cell_shard::ShardConfig { node: config.cell_id.clone(), ..Default::default() };
    if matches!(database, Database::Postgres(_)) {
        shards.shard_count = SHARDS_ON_POSTGRES;
    }
    if let Some(count) = config.shard_count {
        shards.shard_count = count;
    }
    if matches!(database, Database::Memory) {
        // Nobody replays this log; what it holds stands in rows as well before long, and takes memory twice until then.
        (shards.tail_bytes, shards.node_tail_bytes) = (2 << 20, 8 << 20);
    }
    if let Some(bytes) = config.checkpoint_log_bytes {
        if bytes < LEAST_LOG_BYTES {
            bail!("checkpoint_log_bytes is {bytes}: at least {LEAST_LOG_BYTES} are needed");
        }
        shards.tail_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    Ok(cell_node::CellConfig {
        cell_id: config.cell_id.clone(),
        region: config.region.clone(),
        listen: config.listen,
        admin: config
            .admin
            .as_ref()
            .map(|admin| AdminConfig { listen: admin.listen, token: admin.token.clone() }),
        access,
        namespaces: config.namespaces.iter().map(namespace).collect::<anyhow::Result<_>>()?,
        manages_namespaces: config.admin.is_none(),
        dynamic: Arc::new(parsed.config),
        usage_interval: Duration::from_secs(config.usage_interval_seconds.max(1)),
        projections: cell_node::ProjectionConfig::default(),
        shards,
        memory_budget: memory_budget(config)?,
        store_kind: database.store_kind(),
        visibility_kind: database.visibility_kind(),
        edge: config.edge.clone(),
        drain: Duration::from_secs(config.drain_seconds),
    })
}

/// The configured budget, or a quarter of the machine.
fn memory_budget(config: &CellConfig) -> anyhow::Result<usize> {
    match config.memory_budget {
        None => Ok(machine::default_budget(1)),
        Some(bytes) if bytes < machine::LEAST as u64 => {
            bail!("memory_budget is {bytes} bytes, and a cell needs {} at least", machine::LEAST)
        }
        Some(bytes) => usize::try_from(bytes).context("memory_budget is more than this machine can address"),
    }
}

/// A namespace that exists from the start; the cell gives it an id when it is new.
fn namespace(config: &NamespaceConfig) -> anyhow::Result<NamespaceSpec> {
    let typed = |(name, kind): (&String, &String)| {
        let value = IndexedValueType::from_str_name(&format!("INDEXED_VALUE_TYPE_{}", screaming(kind)))
            .with_context(|| format!("search attribute {name}: {kind} is no type"))?;
        Ok((name.clone(), value as i32))
    };
    Ok(NamespaceSpec {
        name: config.name.clone(),
        retention: Some(wire_time::from_days(config.retention_days.into())),
        account_id: config.account_id.clone(),
        search_attributes: config.search_attributes.iter().map(typed).collect::<anyhow::Result<_>>()?,
        ..Default::default()
    })
}

/// `KEYWORD_LIST` for `KeywordList`.
fn screaming(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}
