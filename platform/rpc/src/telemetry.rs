//! Logs: one subscriber per process, to standard error.

use std::io::IsTerminal;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How a process logs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// `trace`, `debug`, `info`, `warn`, `error` or `off`, or a filter such as `info,cell_shard=debug`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Pretty }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line per event.
    Pretty,
    /// One JSON object per event.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            // `text` is what the flags of the original's dev server call it.
            "pretty" | "text" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            other => Err(TelemetryError::Format(other.to_owned())),
        }
    }
}

/// Why logging was not set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is neither a level nor a filter.
    #[error("log level {level:?}: {reason}")]
    Level {
        /// What was given.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The format is unknown.
    #[error("log format {0:?} is none of pretty, text, json")]
    Format(String),
    /// Logging was set up before in this process.
    #[error("logging is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets logging up for the process. Lines are coloured only where standard error is a terminal.
pub fn init(config: &TelemetryConfig) -> Result<(), TelemetryError> {
    let filter = filter(&config.level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.format {
        LogFormat::Pretty => builder.compact().finish().try_init()?,
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

/// `never` is what the original's flags call `off`.
fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let level = if level == "never" { "off" } else { level };
    EnvFilter::try_new(level)
        .map_err(|error| TelemetryError::Level { level: level.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_taken_and_nonsense_is_not() {
        for level in ["info", "never", "warn,cell_shard=debug"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        assert!(matches!(filter("info,=,[["), Err(TelemetryError::Level { .. })));
        assert!("xml".parse::<LogFormat>().is_err());
        assert_eq!("text".parse::<LogFormat>().unwrap(), LogFormat::Pretty);
    }
}
