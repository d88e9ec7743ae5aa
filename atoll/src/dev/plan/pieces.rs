//! The configuration of each piece.

use super::{Plan, REGION, TENANT_CELLS, cell_ids};
use crate::cli::dev::DevArgs;
use crate::config::{
    AdminConfig, AuthMode, BillingConfig, CellConfig, CellEntry, ControlPlaneConfig, GatewayConfig,
    MeteringConfig, NamespaceConfig, SYSTEM, SystemCellConfig,
};
use crate::dev::data_dir::DataDir;
use crate::dev::storage::{BILLING, CONTROL_PLANE, METERING};
use crate::serve::log::LogConfig;
use atoll_rpc::EdgeConfig;
use cell_memory::machine;

/// Seconds between usage objects, and between looks for them: somebody is watching.
const USAGE_INTERVAL_SECONDS: u64 = 2;
const INGEST_INTERVAL_SECONDS: u64 = 1;
/// Seconds between looks for usage objects where each is a request, for each shard, that may have its price.
const PAID_INGEST_INTERVAL_SECONDS: u64 = 5;
/// Shards of a cell, on PostgreSQL, too: it stays on one machine.
const SHARDS: u32 = 8;
/// Seconds that calls in flight get to end; less than the supervisor's patience.
const DRAIN_SECONDS: u64 = 1;
/// Days that the cloud's own workflows are kept.
const SYSTEM_RETENTION_DAYS: u32 = 30;

impl Plan {
    pub(super) fn add_pieces(&mut self, args: &DevArgs, data_dir: &DataDir) -> anyhow::Result<()> {
        let log = LogConfig { level: args.log_level.clone(), format: args.log_format };
        for cell in cell_ids() {
            let config = self.cell(cell, args, data_dir, &log)?;
            let listens =
                [config.listen].into_iter().chain(config.admin.as_ref().map(|admin| admin.listen)).collect();
            self.add(data_dir, &format!("cell-{cell}"), &["cell", "serve"], listens, &config)?;
        }
        let metering = self.metering(args, data_dir, &log)?;
        let listens = vec![metering.listen];
        self.add(data_dir, "metering", &["metering", "serve"], listens, &metering)?;
        let billing = self.billing(args, data_dir, &log)?;
        let listens = vec![billing.listen];
        self.add(data_dir, "billing", &["billing", "serve"], listens, &billing)?;
        let control_plane = self.control_plane(args, data_dir, &log)?;
        let listens = vec![control_plane.listen, control_plane.internal_listen];
        self.add(data_dir, "control-plane", &["control-plane", "serve"], listens, &control_plane)?;
        let gateway = self.gateway(data_dir, &log);
        let listens = vec![gateway.listen];
        self.add(data_dir, "gateway", &["gateway", "serve"], listens, &gateway)
    }

    fn cell(
        &self,
        id: &str,
        args: &DevArgs,
        data_dir: &DataDir,
        log: &LogConfig,
    ) -> anyhow::Result<CellConfig> {
        let (database_url, visibility_database_url) = self.storage.of_cell(id, data_dir)?;
        let namespaces = if id == SYSTEM {
            vec![NamespaceConfig {
                account_id: SYSTEM.to_owned(),
                retention_days: SYSTEM_RETENTION_DAYS,
                ..NamespaceConfig::named(SYSTEM)
            }]
        } else {
            Vec::new()
        };
        Ok(CellConfig {
            cell_id: id.to_owned(),
            region: REGION.to_owned(),
            database_url,
            visibility_database_url,
            listen: self.ports.get(&format!("cell-{id}")),
            auth: AuthMode::Keys,
            internal_token: Some(self.secrets.internal_token.clone()),
            objects_url: Some(self.storage.objects_url(data_dir)),
            usage_interval_seconds: USAGE_INTERVAL_SECONDS,
            shard_count: Some(SHARDS),
            // The cells share the machine's quarter.
            memory_budget: Some(machine::default_budget(TENANT_CELLS.len() + 1) as u64),
            time_offset: args.time_offset.clone(),
            admin: Some(AdminConfig {
                listen: self.ports.get(&format!("cell-{id}-admin")),
                token: self.secrets.cells[id].clone(),
            }),
            drain_seconds: DRAIN_SECONDS,
            log: log.clone(),
            namespaces,
            ..CellConfig::default()
        })
    }

    fn system_cell(&self) -> SystemCellConfig {
        SystemCellConfig { address: self.ports.get("cell-system").to_string(), namespace: SYSTEM.to_owned() }
    }

    fn metering(
        &self,
        args: &DevArgs,
        data_dir: &DataDir,
        log: &LogConfig,
    ) -> anyhow::Result<MeteringConfig> {
        let ingest_interval_seconds = if self.storage.pays_for_looks() {
            PAID_INGEST_INTERVAL_SECONDS
        } else {
            INGEST_INTERVAL_SECONDS
        };
        Ok(MeteringConfig {
            listen: self.ports.get("metering"),
            database_url: Some(self.storage.of_piece(METERING, data_dir)?),
            allow_unsafe_database: false,
            objects_url: Some(self.storage.objects_url(data_dir)),
            ingest_interval_seconds,
            internal_token: self.secrets.internal_token.clone(),
            cells: cell_ids().map(str::to_owned).collect(),
            time_offset: args.time_offset.clone(),
            drain_seconds: DRAIN_SECONDS,
            log: log.clone(),
        })
    }

    fn billing(&self, args: &DevArgs, data_dir: &DataDir, log: &LogConfig) -> anyhow::Result<BillingConfig> {
        Ok(BillingConfig {
            listen: self.ports.get("billing"),
            database_url: Some(self.storage.of_piece(BILLING, data_dir)?),
            allow_unsafe_database: false,
            rate_cards: None,
            metering: self.ports.get("metering").to_string(),
            control_plane: self.ports.get("control-plane").to_string(),
            internal_token: self.secrets.internal_token.clone(),
            time_offset: args.time_offset.clone(),
            system_cell: self.system_cell(),
            drain_seconds: DRAIN_SECONDS,
            log: log.clone(),
        })
    }

    fn control_plane(
        &self,
        args: &DevArgs,
        data_dir: &DataDir,
        log: &LogConfig,
    ) -> anyhow::Result<ControlPlaneConfig> {
        let cells = TENANT_CELLS.into_iter().map(|id| CellEntry {
            id: id.to_owned(),
            frontend: self.ports.get(&format!("cell-{id}")).to_string(),
            admin: self.ports.get(&format!("cell-{id}-admin")).to_string(),
            admin_token: self.secrets.cells[id].clone(),
            capacity: CellEntry::DEFAULT_CAPACITY,
        });
        Ok(ControlPlaneConfig {
            listen: self.ports.get("cloud"),
            public_metrics: false,
            internal_listen: self.ports.get("control-plane"),
            database_url: Some(self.storage.of_piece(CONTROL_PLANE, data_dir)?),
            allow_unsafe_database: false,
            region: REGION.to_owned(),
            gateway_address: self.ports.get("gateway").to_string(),
            operator_key: self.secrets.operator_key.clone(),
            internal_token: self.secrets.internal_token.clone(),
            metering: self.ports.get("metering").to_string(),
            billing: self.ports.get("billing").to_string(),
            time_offset: args.time_offset.clone(),
            system_cell: self.system_cell(),
            drain_seconds: DRAIN_SECONDS,
            log: log.clone(),
            cells: cells.collect(),
        })
    }

    fn gateway(&self, data_dir: &DataDir, log: &LogConfig) -> GatewayConfig {
        GatewayConfig {
            listen: self.ports.get("gateway"),
            public_metrics: false,
            control_plane: self.ports.get("control-plane").to_string(),
            internal_token: self.secrets.internal_token.clone(),
            route_cache: data_dir.join("routes.json"),
            drain_seconds: DRAIN_SECONDS,
            edge: EdgeConfig::default(),
            log: log.clone(),
        }
    }
}
