mod start_dev;

use clap::Subcommand;

/// A lone cell.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Run a development server: one cell, its namespaces, nothing else
    StartDev(Box<start_dev::StartDevArgs>),
}

impl ServerCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::StartDev(args) = self;
        args.run()
    }
}
