//! The command line: one file per command.

mod account;
mod apikey;
mod bench;
mod billing;
mod cell;
mod control_plane;
pub(crate) mod database_url;
pub(crate) mod dev;
mod gateway;
mod invoice;
mod metering;
mod namespace;
pub(crate) mod objects_url;
mod operation;
mod server;
mod usage;

use std::collections::BTreeMap;
use std::future::Future;

use clap::{Parser, Subcommand};
use thiserror::Error;

/// Durable execution as a cloud, on one machine or many.
#[derive(Debug, Parser)]
#[command(
    name = "atoll",
    version,
    max_term_width = 110,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole cloud on this machine: control plane, cells, gateway, metering, billing
    Dev(Box<dev::DevArgs>),
    /// Run a lone cell as a development server
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// Run a cell, or list the cloud's
    #[command(subcommand)]
    Cell(cell::CellCommand),
    /// Run the control plane
    #[command(subcommand)]
    ControlPlane(control_plane::ControlPlaneCommand),
    /// Run a gateway
    #[command(subcommand)]
    Gateway(gateway::GatewayCommand),
    /// Run metering
    #[command(subcommand)]
    Metering(metering::MeteringCommand),
    /// Close billing months, or run billing
    #[command(subcommand)]
    Billing(billing::BillingCommand),
    /// Accounts (operators only)
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// Namespaces
    #[command(subcommand)]
    Namespace(namespace::NamespaceCommand),
    /// API keys
    #[command(subcommand, name = "apikey")]
    ApiKey(apikey::ApiKeyCommand),
    /// Operations that run in the background
    #[command(subcommand)]
    Operation(operation::OperationCommand),
    /// What an account has used
    Usage(usage::UsageArgs),
    /// Invoices
    #[command(subcommand)]
    Invoice(invoice::InvoiceCommand),
    /// Put a load of workflows on a Temporal-compatible server and report what it did
    Bench(bench::BenchCommand),
}

/// Arguments that do not fit together, or a missing address or key: exit code 2.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct UsageError(String);

impl UsageError {
    /// With a message that says what to pass.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Cli {
    /// The command line of this process. Ends the process where there is nothing to run, as clap does.
    pub(crate) fn from_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let message = error.render().to_string();
            let shown = without_credentials(&message);
            if shown == message {
                error.exit();
            }
            eprint!("{shown}");
            std::process::exit(error.exit_code())
        })
    }

    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Dev(args) => args.run(),
            Command::Server(command) => command.run(),
            Command::Cell(command) => command.run(),
            Command::ControlPlane(command) => command.run(),
            Command::Gateway(command) => command.run(),
            Command::Metering(command) => command.run(),
            Command::Billing(command) => command.run(),
            Command::Account(command) => block_on(command.run()),
            Command::Namespace(command) => block_on(command.run()),
            Command::ApiKey(command) => block_on(command.run()),
            Command::Operation(command) => block_on(command.run()),
            Command::Usage(args) => block_on(args.run()),
            Command::Invoice(command) => block_on(command.run()),
            Command::Bench(command) => block_on(command.run()),
        }
    }
}

/// Runs a client command.
fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// Flags of every client command.
#[derive(Debug, Default, Clone, clap::Args)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    pub(crate) target: crate::client::target::TargetArgs,
    #[command(flatten)]
    pub(crate) output: crate::client::output::OutputArgs,
}

/// A message with nothing between the scheme and the host of a URL: it may hold an argument that was refused.
fn without_credentials(message: &str) -> String {
    let lines = message.split_inclusive('\n').map(|line| match (line.find("://"), line.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://[redacted]{}", &line[..scheme], &line[at..])
        }
        _ => line.to_owned(),
    });
    lines.collect()
}

/// A `name=value` argument.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not NAME=VALUE")),
    }
}

/// Arguments `name=value` by name. One that is given twice is refused, because one of its values would be dropped.
fn by_name<T>(flag: &str, pairs: Vec<(String, T)>) -> Result<BTreeMap<String, T>, UsageError> {
    let mut named = BTreeMap::new();
    for (name, value) in pairs {
        if named.contains_key(&name) {
            return Err(UsageError::new(format!("{flag} {name} is given more than once")));
        }
        named.insert(name, value);
    }
    Ok(named)
}

#[cfg(test)]
mod tests;
