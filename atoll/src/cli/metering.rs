mod cell;
mod object;
mod serve;

use clap::Subcommand;

/// Metering.
#[derive(Debug, Subcommand)]
pub(crate) enum MeteringCommand {
    /// Run metering
    Serve(serve::MeteringServeArgs),
    /// Show the cells that hours must contain, and end those that are gone (operators only)
    #[command(subcommand)]
    Cell(cell::CellCommand),
    /// Show usage objects that are missing, and give them up (operators only)
    #[command(subcommand)]
    Object(object::ObjectCommand),
}

impl MeteringCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(args) => args.run(),
            Self::Cell(command) => super::block_on(command.run()),
            Self::Object(command) => super::block_on(command.run()),
        }
    }
}
