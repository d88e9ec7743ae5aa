mod list;
mod overwrite;
mod serve;

use clap::Subcommand;

pub(crate) use serve::checked_offset;

/// Cells.
#[derive(Debug, Subcommand)]
pub(crate) enum CellCommand {
    /// Run a cell: a complete server with its own database
    Serve(Box<serve::CellServeArgs>),
    /// Show the cloud's cells (operators only)
    List(list::ListArgs),
    /// Replace what a cell holds and the control plane never gave out (operators only)
    Overwrite(overwrite::OverwriteArgs),
}

impl CellCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(args) => args.run(),
            Self::List(args) => super::block_on(args.run()),
            Self::Overwrite(args) => super::block_on(args.run()),
        }
    }
}
