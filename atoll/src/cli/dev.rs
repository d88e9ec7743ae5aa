use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;

use super::cell::checked_offset;
use crate::serve::log::Format;

/// Where a cloud is kept when nobody says otherwise.
const DEFAULT_DATA_DIR: &str = "./atoll-data";

/// Runs a whole cloud on this machine. Ctrl-C stops it.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Folder that keeps everything [default: ./atoll-data]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data_dir: Option<PathBuf>,
    /// Keep nothing: work in a temporary folder that is removed at the end
    #[arg(long)]
    pub(crate) ephemeral: bool,
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

    /// The folder that keeps everything.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR))
    }
}
