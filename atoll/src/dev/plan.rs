//! Which processes make a dev cloud, and with which configuration.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use atoll_secret::Secret;
use serde::Serialize;

use super::bootstrap::Bootstrap;
use super::child::ChildSpec;
use super::data_dir::DataDir;
use super::ports::{Chosen, Ports, Wanted};
use super::ready_file::{ProcessEntry, ReadyFile, write_private};
use super::secrets::Secrets;
use super::storage::Storage;
use super::supervise::{State, States};
use crate::cli::dev::DevArgs;
use crate::config::SYSTEM;
use crate::serve::lifetime::own_pid;

mod pieces;

/// The region of everything.
const REGION: &str = "local";
/// The cells that tenants' namespaces are placed in.
const TENANT_CELLS: [&str; 2] = ["a", "b"];
/// How long a piece gets to stop. There are two rounds, and all must be done in five seconds.
const STOP_PATIENCE: Duration = Duration::from_millis(2_300);

/// Where pieces listen that tenants do not reach.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Everything that is settled before the first process starts.
pub(super) struct Plan {
    ports: Ports,
    secrets: Secrets,
    storage: Storage,
    pieces: Vec<Piece>,
}

/// One process.
struct Piece {
    name: String,
    /// `cell serve`, as words.
    command: &'static [&'static str],
    config: PathBuf,
    /// Where it listens. The first serves health and metrics.
    listens: Vec<SocketAddr>,
}

/// The ids of the cells.
pub(super) fn cell_ids() -> impl Iterator<Item = &'static str> {
    TENANT_CELLS.into_iter().chain([SYSTEM])
}

/// The file that is the database of a cell.
pub(super) fn cell_database(id: &str) -> String {
    format!("cell-{id}.db")
}

/// Whether a piece of that name is a cell.
pub(super) fn is_cell(name: &str) -> bool {
    name.starts_with("cell-")
}

impl Plan {
    /// Listens on the ports that the user chose, which fails where one is taken. Writes nothing.
    pub(super) fn listen(args: &DevArgs) -> anyhow::Result<Chosen> {
        Chosen::listen(&Self::outside(args))
    }

    /// The ports that tenants reach.
    fn outside(args: &DevArgs) -> [Wanted; 2] {
        [("gateway", args.gateway_port), ("cloud", args.cloud_port)].map(|(name, port)| Wanted {
            name,
            ip: args.ip,
            port: (port != 0).then_some(port),
        })
    }

    /// Settles ports, secrets and configurations, and writes them to the data directory.
    pub(super) fn settle(
        args: &DevArgs,
        data_dir: &DataDir,
        storage: Storage,
        chosen: Chosen,
    ) -> anyhow::Result<Self> {
        let [gateway, cloud] = Self::outside(args);
        let inside = |name| Wanted { name, ip: INSIDE, port: None };
        let wanted = [
            gateway,
            cloud,
            inside("control-plane"),
            inside("metering"),
            inside("billing"),
            inside("cell-system"),
            inside("cell-system-admin"),
            inside("cell-a"),
            inside("cell-a-admin"),
            inside("cell-b"),
            inside("cell-b-admin"),
        ];
        let ports = Ports::settle(&data_dir.join("ports.json"), &wanted, chosen)?;
        let cells: Vec<&str> = cell_ids().collect();
        let secrets = Secrets::load(&data_dir.join("secrets.json"), &cells)?;
        let mut plan = Self { ports, secrets, storage, pieces: Vec::new() };
        plan.add_pieces(args, data_dir)?;
        Ok(plan)
    }

    /// Writes a piece's configuration and adds it.
    fn add<C: Serialize>(
        &mut self,
        data_dir: &DataDir,
        name: &str,
        command: &'static [&'static str],
        listens: Vec<SocketAddr>,
        config: &C,
    ) -> anyhow::Result<()> {
        let path = data_dir.join("config").join(format!("{name}.toml"));
        write_private(&path, toml::to_string(config)?.as_bytes())
            .with_context(|| format!("configuration {}", path.display()))?;
        self.pieces.push(Piece { name: name.to_owned(), command, config: path, listens });
        Ok(())
    }

    /// How to start the processes: all at once, because each waits for what it needs. Hands the listening sockets over,
    /// and so is asked once.
    pub(super) fn children(&mut self) -> anyhow::Result<Vec<ChildSpec>> {
        let program = std::env::current_exe().context("own executable")?;
        let Self { pieces, ports, .. } = self;
        let children = pieces.iter().map(|piece| {
            let mut arguments: Vec<_> = piece.command.iter().map(Into::into).collect();
            arguments.extend(["--config".into(), piece.config.clone().into_os_string()]);
            arguments.extend(["--supervisor".into(), own_pid().to_string().into()]);
            ChildSpec {
                name: piece.name.clone(),
                program: program.clone(),
                arguments,
                stop_patience: STOP_PATIENCE,
                listeners: ports.take_listeners(&piece.listens),
            }
        });
        Ok(children.collect())
    }

    /// `host:port` of the Cloud API.
    pub(super) fn cloud_address(&self) -> String {
        self.ports.get("cloud").to_string()
    }

    /// The operator's key.
    pub(super) fn operator_key(&self) -> &Secret {
        &self.secrets.operator_key
    }

    /// Where the ready file goes.
    pub(super) fn ready_file(&self, args: &DevArgs, data_dir: &DataDir) -> PathBuf {
        args.ready_file.clone().unwrap_or_else(|| data_dir.join("dev.json"))
    }

    /// The running cloud as the ready file tells it.
    pub(super) fn describe(
        &self,
        args: &DevArgs,
        data_dir: &DataDir,
        bootstrap: &Bootstrap,
        states: &States,
    ) -> ReadyFile {
        let processes: BTreeMap<String, ProcessEntry> = self
            .pieces
            .iter()
            .map(|piece| {
                let pid = match states.get(&piece.name) {
                    Some(State::Serving { pid }) => Some(*pid),
                    _ => None,
                };
                (piece.name.clone(), ProcessEntry { pid, address: piece.listens[0].to_string() })
            })
            .collect();
        ReadyFile {
            version: ReadyFile::VERSION,
            gateway_address: self.ports.get("gateway").to_string(),
            cloud_address: self.cloud_address(),
            account_id: bootstrap.account_id.clone(),
            api_key: bootstrap.api_key.clone(),
            operator_key: self.secrets.operator_key.clone(),
            region: REGION.to_owned(),
            data_dir: data_dir.path().to_owned(),
            databases: self.storage.shown_databases(),
            objects: self.storage.shown_objects(),
            time_offset: args.time_offset.clone(),
            supervisor_pid: own_pid(),
            processes,
        }
    }
}
