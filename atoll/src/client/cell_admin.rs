//! Calls the admin listener of one cell: what operators ask of a cell itself, also while the control plane is away.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use atoll_api::call::Method;
use atoll_rpc::{CallOptions, RawClient};
use atoll_secret::Secret;
use clap::Args;
use prost::Message;

use super::target::find_ready_file;
use crate::cli::UsageError;
use crate::config::{AdminConfig, CellConfig};

/// How long one call may take: a shard that is taken over anew reads what it needs.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Which cell, in one of three ways.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct CellAdminArgs {
    /// A cell of the `atoll dev` that runs here: a, b or system
    cell: Option<String>,
    /// Configuration file of the cell, which names its admin listener and its token
    #[arg(long, short = 'c', value_name = "FILE", help_heading = "Cell")]
    config: Option<PathBuf>,
    /// Address of the cell's admin listener [env: ATOLL_CELL_ADMIN_ADDRESS]
    #[arg(long, value_name = "HOST:PORT", help_heading = "Cell")]
    admin_address: Option<String>,
    /// What that listener must be shown [env: ATOLL_CELL_ADMIN_TOKEN]
    #[arg(long, value_name = "TOKEN", help_heading = "Cell")]
    admin_token: Option<Secret>,
    /// Ready file of the running `atoll dev` [env: ATOLL_READY_FILE] [default: ./atoll-data/dev.json]
    #[arg(long, value_name = "FILE", help_heading = "Cell")]
    ready_file: Option<PathBuf>,
}

/// The admin listener of a running cell.
pub(crate) struct CellAdminClient {
    raw: RawClient,
    token: Secret,
}

impl CellAdminArgs {
    /// A client for the cell that these lead to. Flags win over variables; two ways at once are refused.
    pub(crate) fn connect(&self) -> anyhow::Result<CellAdminClient> {
        let (address, token) = self.resolve_in(&|name| std::env::var(name).ok().filter(|v| !v.is_empty()))?;
        Ok(CellAdminClient { raw: RawClient::new(&address)?, token })
    }

    fn resolve_in(&self, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<(String, Secret)> {
        match (&self.cell, &self.config, &self.admin_address) {
            (Some(cell), None, None) => of_dev(cell, self, variable),
            (None, Some(config), None) => of_config(config),
            (None, None, Some(address)) => self.at(address.clone(), variable),
            (None, None, None) => match variable("ATOLL_CELL_ADMIN_ADDRESS") {
                Some(address) => self.at(address, variable),
                None => Err(UsageError::new(
                    "which cell? Name one of a running `atoll dev`, or pass --config or --admin-address",
                )
                .into()),
            },
            _ => Err(UsageError::new("pass only one of CELL, --config and --admin-address").into()),
        }
    }

    fn at(
        &self,
        address: String,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> anyhow::Result<(String, Secret)> {
        let token = self.admin_token.clone().or_else(|| variable("ATOLL_CELL_ADMIN_TOKEN").map(Secret::from));
        let token = token.ok_or_else(|| {
            UsageError::new(format!(
                "no token for {address}: pass --admin-token or set ATOLL_CELL_ADMIN_TOKEN"
            ))
        })?;
        Ok((address, token))
    }
}

/// A cell of a running `dev`: its configuration stands in the data directory.
fn of_dev(
    cell: &str,
    args: &CellAdminArgs,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<(String, Secret)> {
    let named = args.ready_file.clone().or_else(|| variable("ATOLL_READY_FILE").map(PathBuf::from));
    let Some(ready) = find_ready_file(named.as_deref())? else {
        return Err(UsageError::new(format!(
            "no `atoll dev` runs here, so that nobody says where cell {cell} is: pass --config or --admin-address"
        ))
        .into());
    };
    let name = format!("cell-{cell}");
    if !ready.processes.contains_key(&name) {
        let cells: Vec<&str> = ready.processes.keys().filter_map(|name| name.strip_prefix("cell-")).collect();
        bail!("the cloud in {} has no cell {cell:?}: it has {}", ready.data_dir.display(), cells.join(", "));
    }
    of_config(&ready.data_dir.join("config").join(format!("{name}.toml")))
}

fn of_config(path: &std::path::Path) -> anyhow::Result<(String, Secret)> {
    let config: CellConfig = atoll_rpc::config::load(Some(path), "ATOLL_CELL")?;
    let Some(AdminConfig { listen, token }) = config.admin else {
        bail!("configuration file {}: the cell has no admin listener", path.display());
    };
    Ok((listen.to_string(), token))
}

impl CellAdminClient {
    /// Calls a method. The error says address, code and message.
    pub(crate) async fn call<Q, A>(&self, method: Method<Q, A>, request: &Q) -> anyhow::Result<A>
    where
        Q: Message,
        A: Message + Default,
    {
        let options = CallOptions::timeout(CALL_TIMEOUT).bearer(self.token.expose());
        let answer = self.raw.call(method, request, options).await;
        answer.with_context(|| format!("cell at {}", self.raw.address()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(args: &CellAdminArgs, variables: &[(&str, &str)]) -> Result<(String, Secret), String> {
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        args.resolve_in(&variable).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn flags_win_over_variables_and_a_file_says_both() {
        let flags = CellAdminArgs {
            admin_address: Some("h:1".to_owned()),
            admin_token: Some("f".into()),
            ..CellAdminArgs::default()
        };
        let variables = [("ATOLL_CELL_ADMIN_ADDRESS", "h:2"), ("ATOLL_CELL_ADMIN_TOKEN", "v")];
        assert_eq!(resolved(&flags, &variables), Ok(("h:1".to_owned(), "f".into())));
        let none = CellAdminArgs::default();
        assert_eq!(resolved(&none, &variables), Ok(("h:2".to_owned(), "v".into())));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell.toml");
        std::fs::write(&path, "[admin]\nlisten = \"127.0.0.1:7\"\ntoken = \"t\"\n").unwrap();
        let file = CellAdminArgs { config: Some(path.clone()), ..CellAdminArgs::default() };
        assert_eq!(resolved(&file, &[]), Ok(("127.0.0.1:7".to_owned(), "t".into())));
        std::fs::write(&path, "").unwrap();
        assert!(resolved(&file, &[]).unwrap_err().contains("cell.toml: the cell has no admin listener"));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let none = CellAdminArgs::default();
        assert!(resolved(&none, &[]).unwrap_err().contains("which cell?"));
        let address = CellAdminArgs { admin_address: Some("h:1".to_owned()), ..none.clone() };
        assert!(resolved(&address, &[]).unwrap_err().contains("no token for h:1"));
        let both = CellAdminArgs { cell: Some("a".to_owned()), ..address };
        assert!(resolved(&both, &[]).unwrap_err().contains("only one of CELL, --config and --admin-address"));
        let nowhere = CellAdminArgs {
            cell: Some("a".to_owned()),
            ready_file: Some("/nowhere/dev.json".into()),
            ..none
        };
        assert!(resolved(&nowhere, &[]).unwrap_err().contains("/nowhere/dev.json"));
    }
}
