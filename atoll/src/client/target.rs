//! Which cloud a command talks to, and as whom: flags, then `ATOLL_*` variables, then the ready file of a running
//! `dev`.

use std::path::{Path, PathBuf};

use atoll_secret::Secret;
use clap::Args;
use jiff::Timestamp;

use crate::cli::UsageError;
use crate::dev::ready_file::ReadyFile;
use crate::serve::clock::clock;

/// Where the ready file of `atoll dev` stands when nobody says otherwise.
pub(crate) const DEFAULT_READY_FILE: &str = "./atoll-data/dev.json";

/// Flags that lead to a cloud.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct TargetArgs {
    /// Address of the Cloud API, host:port [env: ATOLL_ADDRESS]
    #[arg(long, global = true, help_heading = "Cloud")]
    pub(crate) address: Option<String>,
    /// API key of an account [env: ATOLL_API_KEY]
    #[arg(long, global = true, help_heading = "Cloud", hide_env_values = true)]
    pub(crate) api_key: Option<Secret>,
    /// Key of an operator of the cloud [env: ATOLL_OPERATOR_KEY]
    #[arg(long, global = true, help_heading = "Cloud", hide_env_values = true)]
    pub(crate) operator_key: Option<Secret>,
    /// Ready file of a running `atoll dev` [env: ATOLL_READY_FILE] [default: ./atoll-data/dev.json]
    #[arg(long, global = true, help_heading = "Cloud")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// As whom a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Somebody of an account.
    Account,
    /// An operator of the cloud.
    Operator,
}

/// A cloud and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `host:port` of the Cloud API.
    pub(crate) address: String,
    api_key: Option<Secret>,
    operator_key: Option<Secret>,
    /// The account of the ready file's key, when that key is the one in use.
    pub(crate) account_id: Option<String>,
    /// How far the cloud's clock is shifted, as its ready file says.
    time_offset: Option<String>,
}

impl TargetArgs {
    /// Finds the cloud, reading this process's environment and the ready file.
    pub(crate) fn resolve(&self) -> anyhow::Result<Target> {
        self.resolve_in(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn resolve_in(&self, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Target> {
        let address = self.address.clone().or_else(|| variable("ATOLL_ADDRESS"));
        let api_key = self.api_key.clone().or_else(|| variable("ATOLL_API_KEY").map(Secret::from));
        let operator_key =
            self.operator_key.clone().or_else(|| variable("ATOLL_OPERATOR_KEY").map(Secret::from));
        let named = self.ready_file.clone().or_else(|| variable("ATOLL_READY_FILE").map(PathBuf::from));
        let ready = find_ready_file(named.as_deref())?;
        let Some(address) = address.or_else(|| ready.as_ref().map(|ready| ready.cloud_address.clone()))
        else {
            return Err(UsageError::new(format!(
                "no cloud to talk to: pass --address, set ATOLL_ADDRESS, or start `atoll dev` (no {DEFAULT_READY_FILE})"
            ))
            .into());
        };
        // A key goes to the cloud that it was made for, never to another address.
        let ready = ready.filter(|ready| ready.cloud_address == address);
        let account_id = ready.as_ref().filter(|_| api_key.is_none()).map(|ready| ready.account_id.clone());
        let time_offset = ready.as_ref().and_then(|ready| ready.time_offset.clone());
        let (ready_api_key, ready_operator_key) =
            ready.map(|ready| (ready.api_key, ready.operator_key)).unzip();
        Ok(Target {
            time_offset,
            address,
            api_key: api_key.or(ready_api_key),
            operator_key: operator_key.or(ready_operator_key),
            account_id,
        })
    }
}

/// The ready file of the `dev` that runs here: the one that `ATOLL_READY_FILE` names, or the one in the default place.
pub(crate) fn running_dev() -> anyhow::Result<Option<ReadyFile>> {
    let named = std::env::var_os("ATOLL_READY_FILE").filter(|value| !value.is_empty()).map(PathBuf::from);
    find_ready_file(named.as_deref())
}

/// A named ready file must be there; the one in the default place need not.
pub(crate) fn find_ready_file(named: Option<&Path>) -> anyhow::Result<Option<ReadyFile>> {
    match named {
        Some(path) => ReadyFile::read(path).map(Some),
        None if Path::new(DEFAULT_READY_FILE).exists() => {
            ReadyFile::read(Path::new(DEFAULT_READY_FILE)).map(Some)
        }
        None => Ok(None),
    }
}

impl Target {
    /// The cloud's time of day.
    pub(crate) fn now(&self) -> anyhow::Result<Timestamp> {
        Ok(clock(self.time_offset.as_deref())?.now())
    }

    /// The key of that kind.
    pub(crate) fn key(&self, credential: Credential) -> Result<&Secret, UsageError> {
        let (key, flag, variable) = match credential {
            Credential::Account => (&self.api_key, "--api-key", "ATOLL_API_KEY"),
            Credential::Operator => (&self.operator_key, "--operator-key", "ATOLL_OPERATOR_KEY"),
        };
        key.as_ref().ok_or_else(|| {
            UsageError::new(format!("no key for {}: pass {flag} or set {variable}", self.address))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready_file(directory: &Path) -> PathBuf {
        let path = directory.join("dev.json");
        ReadyFile { cloud_address: "127.0.0.1:1".to_owned(), ..ReadyFile::sample() }.write(&path).unwrap();
        path
    }

    /// Address, API key and account that result from flags, variables and a ready file at `127.0.0.1:1`.
    fn resolved(
        flags: [Option<&str>; 2],
        variables: [Option<&str>; 2],
    ) -> (String, Option<Secret>, Option<String>) {
        let directory = tempfile::tempdir().unwrap();
        let args = TargetArgs {
            address: flags[0].map(str::to_owned),
            api_key: flags[1].map(Secret::from),
            operator_key: None,
            ready_file: Some(ready_file(directory.path())),
        };
        let target = args
            .resolve_in(&|name| {
                let value = match name {
                    "ATOLL_ADDRESS" => variables[0],
                    "ATOLL_API_KEY" => variables[1],
                    _ => None,
                };
                value.map(str::to_owned)
            })
            .unwrap();
        (target.address, target.api_key, target.account_id)
    }

    #[test]
    fn flags_win_over_variables_and_both_over_the_ready_file() {
        let sample = ReadyFile::sample();
        let text = |value: &str| Some(value.to_owned());
        let key = |value: &str| Some(Secret::from(value));
        let cases = [
            (
                [None, None],
                [None, None],
                "127.0.0.1:1",
                key(sample.api_key.expose()),
                text(&sample.account_id),
            ),
            ([None, None], [None, Some("v")], "127.0.0.1:1", key("v"), None),
            ([None, Some("f")], [None, Some("v")], "127.0.0.1:1", key("f"), None),
            ([None, None], [Some("h:2"), Some("v")], "h:2", key("v"), None),
            ([Some("h:3"), Some("f")], [Some("h:2"), Some("v")], "h:3", key("f"), None),
            // The ready file's key is not sent to another cloud.
            ([Some("h:3"), None], [None, None], "h:3", None, None),
            (
                [Some("127.0.0.1:1"), None],
                [Some("h:2"), None],
                "127.0.0.1:1",
                key(sample.api_key.expose()),
                text(&sample.account_id),
            ),
        ];
        for (flags, variables, address, key, account) in cases {
            let case = format!("{flags:?} {variables:?}");
            assert_eq!(resolved(flags, variables), (address.to_owned(), key, account), "{case}");
        }
    }

    #[test]
    fn a_missing_key_and_a_missing_ready_file_are_named() {
        let args = TargetArgs { address: Some("h:1".to_owned()), ..TargetArgs::default() };
        let target = args.resolve_in(&|_| None).unwrap();
        let missing = target.key(Credential::Operator).unwrap_err().to_string();
        assert!(missing.contains("ATOLL_OPERATOR_KEY"), "{missing}");

        let nowhere = TargetArgs { ready_file: Some("/nowhere/dev.json".into()), ..TargetArgs::default() };
        let error = format!("{:#}", nowhere.resolve_in(&|_| None).unwrap_err());
        assert!(error.contains("/nowhere/dev.json"), "{error}");
    }
}
