//! `atoll server start-dev`: takes the flags of `temporal server start-dev`.

mod ignored;
mod settings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::Args;

use crate::cli::UsageError;
use crate::config::{CellConfig, NamespaceConfig};
use crate::serve::log::{Format, LogConfig};
use crate::{serve, wiring};
use ignored::IgnoredArgs;
use settings::{parse_dynamic, parse_pragma, parse_search_attribute, parse_size};

/// The namespace that always exists.
const DEFAULT_NAMESPACE: &str = "default";

/// Seconds that calls in flight get to end: Ctrl-C is answered at once.
const DRAIN_SECONDS: u64 = 1;

/// Runs a development server. Without --db-filename everything is gone when it stops.
#[derive(Debug, Args)]
pub(crate) struct StartDevArgs {
    /// Port of the frontend (gRPC, HTTP); 0 picks a free one
    #[arg(long, short = 'p', default_value_t = 7233)]
    port: u16,
    /// Address that the frontend listens on
    #[arg(long, default_value = "localhost", value_parser = parse_ip)]
    ip: IpAddr,
    /// Namespace to make; repeatable. `default` always exists
    #[arg(long = "namespace", short = 'n', value_name = "NAME")]
    namespaces: Vec<String>,
    /// File that keeps everything across restarts
    #[arg(long, short = 'f', value_name = "PATH")]
    db_filename: Option<PathBuf>,
    /// Setting as KEY=JSON; repeatable. Unknown keys give a warning
    #[arg(long = "dynamic-config-value", value_name = "KEY=JSON", value_parser = parse_dynamic)]
    dynamic_config_values: Vec<(String, serde_json::Value)>,
    /// Custom search attribute as NAME=TYPE with Text, Keyword, Int, Double, Bool, Datetime or KeywordList; repeatable
    #[arg(long = "search-attribute", value_name = "NAME=TYPE", value_parser = parse_search_attribute)]
    search_attributes: Vec<(String, String)>,
    /// SQLite setting as NAME=VALUE; only those that keep acknowledged writes safe; repeatable
    #[arg(long = "sqlite-pragma", value_name = "NAME=VALUE", value_parser = parse_pragma)]
    sqlite_pragmas: Vec<(String, String)>,
    /// Memory for what is in use, as 2GiB, 400MB or bytes; above it clients are refused for a while. A quarter of the
    /// machine by default
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory_budget: Option<u64>,
    /// debug, info, warn, error or never
    #[arg(long, default_value = "warn")]
    log_level: String,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
    /// Log the configuration at the start
    #[arg(long)]
    log_config: bool,
    /// Do not serve the web UI
    #[arg(long)]
    headless: bool,
    #[command(flatten)]
    ignored: IgnoredArgs,
}

impl StartDevArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.config();
        config.log.init()?;
        if self.log_config {
            eprintln!("{}", toml::to_string_pretty(&config)?.trim_end());
        }
        for warning in self.ignored.warnings(self.headless) {
            eprintln!("atoll: warning: {warning}");
        }
        if !self.sqlite_pragmas.is_empty() && self.db_filename.is_none() {
            return Err(UsageError::new("--sqlite-pragma needs --db-filename").into());
        }
        serve::probe_ports(&[config.listen])?;
        serve::block_on(
            |life| async move {
                let cell = wiring::cell::start(&config).await?;
                let banner = self.banner(cell.address());
                life.ready(&[("frontend", cell.address().to_string())], &banner)?;
                cell.until(&life.stop).await
            },
            None,
        )
    }

    fn config(&self) -> CellConfig {
        let mut names = vec![DEFAULT_NAMESPACE.to_owned()];
        names.extend(self.namespaces.iter().filter(|name| *name != DEFAULT_NAMESPACE).cloned());
        names.dedup();
        let namespaces = names
            .iter()
            .map(|name| NamespaceConfig {
                search_attributes: self.search_attributes.iter().cloned().collect(),
                ..NamespaceConfig::named(name)
            })
            .collect();
        CellConfig {
            cell_id: "dev".to_owned(),
            database_url: match &self.db_filename {
                Some(path) => format!("sqlite:{}", path.display()).into(),
                None => "memory:".into(),
            },
            listen: SocketAddr::new(self.ip, self.port),
            log: LogConfig { level: self.log_level.clone(), format: self.log_format },
            dynamic: self.dynamic_config_values.iter().cloned().collect(),
            namespaces,
            drain_seconds: DRAIN_SECONDS,
            memory_budget: self.memory_budget,
            ..CellConfig::default()
        }
    }

    fn banner(&self, address: SocketAddr) -> String {
        let stored = match &self.db_filename {
            Some(path) => path.display().to_string(),
            None => "in memory: gone when the server stops (keep it with --db-filename)".to_owned(),
        };
        let mut names = vec![DEFAULT_NAMESPACE];
        names.extend(self.namespaces.iter().map(String::as_str).filter(|name| *name != DEFAULT_NAMESPACE));
        format!(
            "Atoll development server {}\n\n\
             Server:      {address}\n\
             Metrics:     http://{address}/metrics\n\
             Namespaces:  {}\n\
             Stored:      {stored}\n",
            env!("CARGO_PKG_VERSION"),
            names.join(", "),
        )
    }
}

/// An IP address, or a name such as `localhost`.
fn parse_ip(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().or_else(|_| match (text, 0).to_socket_addrs().ok().and_then(|mut found| found.next()) {
        Some(found) => Ok(found.ip()),
        None => Err(format!("{text:?} is not an address of this machine")),
    })
}

#[cfg(test)]
mod tests;
