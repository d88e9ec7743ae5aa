pub(super) mod database;

use std::net::{IpAddr, SocketAddr};

use atoll_secret::Secret;
use clap::Args;

use crate::cli::objects_url::ObjectsUrlArgs;
use crate::config::{AdminConfig, AuthMode, CellConfig, NamespaceConfig};
use crate::serve::ServeArgs;
use crate::serve::clock::parse_offset;
use crate::serve::log::LogArgs;
use crate::{serve, wiring};
use database::DatabaseArgs;

/// Runs a cell. Flags win over the configuration file.
#[derive(Debug, Args)]
pub(crate) struct CellServeArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Port that clients connect to; 0 picks a free one
    #[arg(long, short = 'p')]
    port: Option<u16>,
    /// Address that it listens on
    #[arg(long)]
    ip: Option<IpAddr>,
    /// Namespace that exists from the start; repeatable
    #[arg(long = "namespace", short = 'n', value_name = "NAME")]
    namespaces: Vec<String>,
    /// Its id
    #[arg(long)]
    cell_id: Option<String>,
    /// Its region
    #[arg(long)]
    region: Option<String>,
    /// What callers must show
    #[arg(long, value_enum)]
    auth: Option<AuthMode>,
    /// Address of the admin listener, which the control plane calls
    #[arg(long, value_name = "HOST:PORT", requires = "admin_token")]
    admin_listen: Option<SocketAddr>,
    /// What callers of the admin listener must show
    #[arg(long, env = "ATOLL_CELL_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<Secret>,
    #[command(flatten)]
    objects: ObjectsUrlArgs,
    /// Seconds between usage objects
    #[arg(long, value_name = "SECONDS")]
    usage_interval: Option<u64>,
    /// Shards of a new database
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=4096))]
    shards: Option<u32>,
    /// Shift the clock, for development only, for example by 40d
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = checked_offset)]
    time_offset: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

impl CellServeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let supervisor = self.serve.supervisor;
        let mut config = self.over(self.serve.load("ATOLL_CELL")?);
        self.database.over(&mut config)?;
        self.objects.over(&mut config.objects_url)?;
        config.log.init()?;
        let admin = config.admin.as_ref().map(|admin| admin.listen);
        let listens: Vec<SocketAddr> = [config.listen].into_iter().chain(admin).collect();
        serve::probe_ports(&listens)?;
        serve::block_on(|life| wiring::cell::serve(config, life), supervisor)
    }

    /// The configuration with these flags.
    fn over(&self, mut config: CellConfig) -> CellConfig {
        fn set<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                field.clone_from(value);
            }
        }
        set(&mut config.cell_id, &self.cell_id);
        set(&mut config.region, &self.region);
        set(&mut config.auth, &self.auth);
        set(&mut config.usage_interval_seconds, &self.usage_interval);
        config.listen.set_port(self.port.unwrap_or(config.listen.port()));
        config.listen.set_ip(self.ip.unwrap_or(config.listen.ip()));
        config.shard_count = self.shards.or(config.shard_count);
        config.time_offset = self.time_offset.clone().or(config.time_offset);
        if let (Some(listen), Some(token)) = (self.admin_listen, self.admin_token.clone()) {
            config.admin = Some(AdminConfig { listen, token });
        }
        for name in &self.namespaces {
            if !config.namespaces.iter().any(|namespace| namespace.name == *name) {
                config.namespaces.push(NamespaceConfig::named(name));
            }
        }
        config.log = self.log.over(config.log);
        config
    }
}

pub(crate) fn checked_offset(text: &str) -> Result<String, String> {
    parse_offset(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: CellServeArgs,
    }

    fn config(arguments: &[&str], file: CellConfig) -> CellConfig {
        let args = Line::try_parse_from([&["cell"], arguments].concat()).unwrap().args;
        let mut config = args.over(file);
        args.database.over(&mut config).unwrap();
        config
    }

    #[test]
    fn flags_win_over_the_file_and_the_rest_stays() {
        let file = CellConfig {
            cell_id: "a".to_owned(),
            region: "north".to_owned(),
            namespaces: vec![NamespaceConfig::named("orders")],
            ..CellConfig::default()
        };
        assert_eq!(config(&[], file.clone()), file);
        let flags =
            ["--database-url", "sqlite:x.db", "--port", "7", "-n", "orders", "-n", "pay", "--cell-id", "b"];
        let both = config(&flags, file);
        assert_eq!(both.database_url.expose(), "sqlite:x.db");
        assert_eq!(both.listen.to_string(), "127.0.0.1:7");
        assert_eq!((both.cell_id.as_str(), both.region.as_str()), ("b", "north"));
        let names: Vec<_> = both.namespaces.iter().map(|namespace| namespace.name.as_str()).collect();
        assert_eq!(names, ["orders", "pay"]);
    }
}
