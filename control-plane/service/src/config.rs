use atoll_rpc::ServerConfig;
use atoll_secret::Secret;
use serde::Deserialize;

use atoll_database::{Database, DatabaseUrlError};

/// Configuration of a control plane.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the desired state is: `sqlite:PATH`, a file that is made if there is none, in a folder that exists; or
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, which several control planes may share.
    pub database: Secret,
    /// Serve also where PostgreSQL may lose what it acknowledges, `fsync` off for example.
    pub allow_unsafe_database: bool,
    /// Listener of the Cloud API and the operator API, gRPC and REST.
    pub cloud: ServerConfig,
    /// Serve `/metrics`, which asks for no key, on the Cloud API's port also where that is not a loopback address. The
    /// internal listener serves it in any case.
    pub public_metrics: bool,
    /// Listener for other pieces of the cloud: routes for gateways. Not for tenants' networks.
    pub internal: ServerConfig,
    /// What callers of the internal listener show as bearer token.
    pub internal_token: Secret,
    /// What operators show as bearer token; without one nobody is an operator.
    pub operator_key: Option<Secret>,
    /// Where SDKs connect to, as shown in a namespace's endpoints: `host:port`.
    pub gateway_address: String,
    /// Regions that namespaces may be placed in.
    pub regions: Vec<RegionConfig>,
    /// Tenant cells.
    pub cells: Vec<CellConfig>,
    /// What each account may have.
    pub account: AccountLimits,
    /// Reconciling with cells.
    pub reconcile: ReconcileConfig,
    /// `host:port` of metering's usage service; none answers `GetUsage` with UNAVAILABLE.
    pub usage_address: Option<String>,
    /// What to show to the usage service as bearer token.
    pub usage_token: Secret,
}

impl Config {
    /// Whether the Cloud API's port serves `/metrics`.
    pub(crate) fn cloud_shows_metrics(&self) -> bool {
        self.public_metrics || self.cloud.listen.ip().to_canonical().is_loopback()
    }

    /// The database.
    pub(crate) fn database(&self) -> Result<Database, ConfigError> {
        let database = Database::parse(&self.database).map_err(ConfigError::Database)?;
        Ok(database.allow_unsafe(self.allow_unsafe_database))
    }
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionConfig {
    /// Its id: `local`.
    pub id: String,
    /// Where it is, for people.
    #[serde(default)]
    pub location: String,
}

/// A cell that tenants' namespaces may be placed in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellConfig {
    /// Its name.
    pub id: String,
    /// A region of [`Config::regions`].
    pub region: String,
    /// `host:port` of its frontend, as gateways reach it.
    pub frontend: String,
    /// `host:port` of its admin listener, as the control plane reaches it.
    pub admin: String,
    /// What its admin listener wants to be shown as bearer token.
    pub token: Secret,
    /// Namespaces it may hold.
    #[serde(default = "default_capacity")]
    pub capacity: u32,
}

const fn default_capacity() -> u32 {
    1_000
}

/// What an account may have. More is refused with RESOURCE_EXHAUSTED; what it has already stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountLimits {
    /// Namespaces that are not deleted. The original raises its limit by itself as far as this.
    pub namespaces: u32,
    /// API keys, also those that have expired, until they are deleted: every cell is given the keys of all accounts in
    /// one message, but for those that are disabled. What an operator makes is not refused, so that an account that has
    /// used up its own can be helped.
    pub api_keys: u32,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self { namespaces: 100, api_keys: 1_000 }
    }
}

/// How often desired and observed state are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileConfig {
    /// Milliseconds between rounds. A cell that restarts empty is whole again after one.
    pub interval_ms: u64,
    /// Milliseconds that one call to a cell may take.
    pub call_timeout_ms: u64,
    /// After how many failed reads in a row a cell counts as dead. One is not enough: a restart takes a moment.
    pub dead_after: u32,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        Self { interval_ms: 2_000, call_timeout_ms: 5_000, dead_after: 3 }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A field that has to be filled in is not.
    #[error("control plane configuration: {0} is missing")]
    Missing(&'static str),
    /// No database is called so.
    #[error("control plane configuration: the database's URL {0}")]
    Database(DatabaseUrlError),
    /// A cell stands in a region that is not configured.
    #[error("control plane configuration: cell {cell} stands in unknown region {region}")]
    UnknownRegion {
        /// The cell.
        cell: String,
        /// Its region.
        region: String,
    },
    /// Two cells or two regions have one id.
    #[error("control plane configuration: {0} is there twice")]
    Duplicate(String),
}

impl Config {
    /// Checks what can be checked without looking at the world.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.database.is_empty() {
            return Err(ConfigError::Missing("database"));
        }
        self.database()?;
        if self.internal_token.is_empty() {
            return Err(ConfigError::Missing("internal_token"));
        }
        if self.operator_key.as_ref().is_some_and(Secret::is_empty) {
            return Err(ConfigError::Missing("operator_key"));
        }
        let mut seen = std::collections::BTreeSet::new();
        let regions = self.regions.iter().map(|region| format!("region {}", region.id));
        let cells = self.cells.iter().map(|cell| format!("cell {}", cell.id));
        if let Some(twice) = regions.chain(cells).find(|name| !seen.insert(name.clone())) {
            return Err(ConfigError::Duplicate(twice));
        }
        for cell in &self.cells {
            if !self.regions.iter().any(|region| region.id == cell.region) {
                return Err(ConfigError::UnknownRegion {
                    cell: cell.id.clone(),
                    region: cell.region.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(id: &str, region: &str) -> CellConfig {
        CellConfig {
            id: id.to_owned(),
            region: region.to_owned(),
            frontend: "127.0.0.1:1".to_owned(),
            admin: "127.0.0.1:2".to_owned(),
            token: "t".into(),
            capacity: 1,
        }
    }

    fn config(cells: Vec<CellConfig>) -> Config {
        Config {
            database: "sqlite:control-plane.sqlite".into(),
            internal_token: "t".into(),
            regions: vec![RegionConfig { id: "local".to_owned(), location: String::new() }],
            cells,
            ..Config::default()
        }
    }

    #[test]
    fn metrics_stay_off_a_public_port_unless_they_are_asked_for() {
        let shows = |listen: &str, public_metrics| {
            let cloud = ServerConfig { listen: listen.parse().unwrap(), ..ServerConfig::default() };
            Config { cloud, public_metrics, ..Config::default() }.cloud_shows_metrics()
        };
        for loopback in ["127.0.0.1:8233", "127.8.8.8:1", "[::1]:8233", "[::ffff:127.0.0.1]:8233"] {
            assert!(shows(loopback, false), "{loopback}");
        }
        for public in ["0.0.0.0:8233", "[::]:8233", "10.0.0.1:8233", "[2001:db8::1]:8233"] {
            assert!(!shows(public, false), "{public}");
            assert!(shows(public, true), "{public}");
        }
    }

    #[test]
    fn a_configuration_must_fit_together() {
        assert_eq!(config(vec![cell("a", "local"), cell("b", "local")]).check(), Ok(()));
        assert_eq!(
            config(vec![cell("a", "local"), cell("a", "local")]).check(),
            Err(ConfigError::Duplicate("cell a".to_owned()))
        );
        assert!(matches!(config(vec![cell("a", "mars")]).check(), Err(ConfigError::UnknownRegion { .. })));
        assert_eq!(Config::default().check(), Err(ConfigError::Missing("database")));
        let nowhere = Config { database: "control-plane.sqlite".into(), ..config(Vec::new()) };
        assert_eq!(nowhere.check(), Err(ConfigError::Database(DatabaseUrlError::Engine)));
        let unguarded = Config { internal_token: Secret::default(), ..config(Vec::new()) };
        assert_eq!(unguarded.check(), Err(ConfigError::Missing("internal_token")));
    }
}
