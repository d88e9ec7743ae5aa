use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use atoll_postgres::PostgresOptions;
use atoll_secret::Secret;
use clap::Args;

use super::cell::checked_offset;
use super::database_url::given;
use crate::serve::log::Format;

/// Where a cloud is kept when nobody says otherwise.
const DEFAULT_DATA_DIR: &str = "./atoll-data";
/// The variable that holds the URL of a PostgreSQL server.
pub(crate) const DATABASE_VARIABLE: &str = "ATOLL_DEV_DATABASE_URL";
/// Bytes of a prefix of databases' names: with what comes behind it a name is no longer than PostgreSQL keeps.
const LONGEST_PREFIX: usize = 40;

/// Runs a whole cloud on this machine. Ctrl-C stops it.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Folder that keeps everything [default: ./atoll-data]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data_dir: Option<PathBuf>,
    /// Keep nothing: work in a temporary folder that is removed at the end
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// PostgreSQL server on which each piece gets a database of its own: postgres://USER:PASSWORD@HOST:PORT/postgres
    ///
    /// The role may make databases; the URL's own stays as it is. `ps` shows everybody on this machine what stands
    /// here: give a URL that holds a password by variable or file.
    // Not `ATOLL_DATABASE_URL`: that names the database of one piece, and a whole cloud on its server is not meant.
    #[arg(
        long,
        value_name = "URL",
        env = DATABASE_VARIABLE,
        hide_env_values = true,
        conflicts_with = "ephemeral"
    )]
    database_url: Option<Secret>,
    /// File that holds that URL
    #[arg(long, value_name = "PATH", conflicts_with_all = ["database_url", "ephemeral"])]
    database_url_file: Option<PathBuf>,
    /// What the names of its databases on that server begin with
    #[arg(long, value_name = "NAME", default_value = "atoll_dev", value_parser = parse_prefix)]
    pub(crate) database_prefix: String,
    /// Object store that usage goes through, instead of a folder: s3://BUCKET/PREFIX?region=REGION or file:PATH
    ///
    /// Credentials come from the environment, a profile or the machine, never from the URL.
    // Nor is there a variable: a cloud for development is not to write to where a cell's points.
    #[arg(long, value_name = "URL", conflicts_with = "ephemeral")]
    pub(crate) objects_url: Option<Secret>,
    /// Address that gateway and Cloud API listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) ip: IpAddr,
    /// Port that SDKs connect to; 0 picks a free one
    #[arg(long, default_value_t = 7233)]
    pub(crate) gateway_port: u16,
    /// Port of the Cloud API; 0 picks a free one
    #[arg(long, default_value_t = 8233)]
    pub(crate) cloud_port: u16,
    /// File to write addresses, account and keys to when everything serves [default: <data-dir>/dev.json]
    #[arg(long, value_name = "PATH")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Shift the whole cloud's clock, for example by 40d
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = checked_offset)]
    pub(crate) time_offset: Option<String>,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) log_format: Format,
    /// debug, info, warn, error or never, or a filter such as info,cell_shard=debug
    #[arg(long, default_value = "warn")]
    pub(crate) log_level: String,
}

impl DevArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        crate::dev::run(&self)
    }

    /// The URL of the PostgreSQL server, where there is one. Not looked at yet.
    pub(crate) fn database_url(&self) -> anyhow::Result<Option<Secret>> {
        let (url, file) = (self.database_url.as_ref(), self.database_url_file.as_deref());
        given("--database-url", url, file, |url| PostgresOptions::parse(url).map(drop))
    }

    /// The folder that keeps everything.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR))
    }
}

/// What names of databases may begin with, unquoted.
fn parse_prefix(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.len() <= LONGEST_PREFIX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(plain)
    {
        Ok(text.to_owned())
    } else {
        Err(format!("expected a letter and then at most {} of a-z, 0-9 and _", LONGEST_PREFIX - 1))
    }
}
