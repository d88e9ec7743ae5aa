//! What commands print: a table by default, JSON on request.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;

/// How a command's answer looks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people.
    #[default]
    Text,
    /// The messages as canonical JSON.
    Json,
}

/// The flag for it.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct OutputArgs {
    /// How answers look
    #[arg(long, short = 'o', global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

impl OutputArgs {
    /// Prints an answer in the chosen form; only that one is made.
    pub(crate) fn print<T: Display>(
        &self,
        text: impl FnOnce() -> T,
        json: impl FnOnce() -> anyhow::Result<Value>,
    ) -> anyhow::Result<()> {
        match self.output {
            Format::Text => print(text()),
            Format::Json => print(format!("{:#}\n", json()?)),
        }
    }
}

/// Writes to standard output. A reader that has gone away is no failure.
pub(crate) fn print(text: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}
