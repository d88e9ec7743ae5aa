mod confirm_clock;
mod list;
mod overwrite;
mod quarantine;
mod rebuild_visibility;
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
    /// Look after entities that a cell keeps aside (at the cell's admin listener)
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Make a cell's lists anew from what it stores (at the cell's admin listener)
    RebuildVisibility(rebuild_visibility::RebuildVisibilityArgs),
    /// Say that the wall clock of a cell's machine is right (at the cell's admin listener)
    ConfirmClock(confirm_clock::ConfirmClockArgs),
}

impl CellCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(args) => args.run(),
            Self::List(args) => super::block_on(args.run()),
            Self::Overwrite(args) => super::block_on(args.run()),
            Self::Quarantine(command) => super::block_on(command.run()),
            Self::RebuildVisibility(args) => super::block_on(args.run()),
            Self::ConfirmClock(args) => super::block_on(args.run()),
        }
    }
}
