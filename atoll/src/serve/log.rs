//! How a process logs.

use atoll_rpc::telemetry::{self, TelemetryConfig};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// How log lines look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// One readable line per event.
    #[default]
    #[value(alias = "pretty")]
    Text,
    /// One JSON object per event.
    Json,
}

/// The section of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogConfig {
    /// `trace`, `debug`, `info`, `warn`, `error` or `never`, or a filter such as `info,cell_shard=debug`.
    pub(crate) level: String,
    /// How lines look.
    pub(crate) format: Format,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: Format::Text }
    }
}

/// Flags; they win over the configuration file.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct LogArgs {
    /// debug, info, warn, error or never, or a filter such as info,cell_shard=debug
    #[arg(long)]
    pub(crate) log_level: Option<String>,
    /// How log lines look
    #[arg(long, value_enum)]
    pub(crate) log_format: Option<Format>,
}

impl LogArgs {
    /// The configuration with these flags.
    pub(crate) fn over(&self, config: LogConfig) -> LogConfig {
        LogConfig {
            level: self.log_level.clone().unwrap_or(config.level),
            format: self.log_format.unwrap_or(config.format),
        }
    }
}

impl LogConfig {
    /// Starts logging, to standard error.
    pub(crate) fn init(&self) -> anyhow::Result<()> {
        let format = match self.format {
            Format::Text => telemetry::LogFormat::Pretty,
            Format::Json => telemetry::LogFormat::Json,
        };
        Ok(telemetry::init(&TelemetryConfig { level: self.level.clone(), format })?)
    }
}
