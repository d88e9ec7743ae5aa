mod backup;
mod backups;
mod confirm_clock;
mod list;
mod overwrite;
mod quarantine;
mod rebuild_visibility;
mod restore;
mod restored;
mod serve;
mod stored;

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
    /// Back up a cell on SQLite, which may serve meanwhile (on its machine)
    Backup(backup::BackupArgs),
    /// Show a cell's backups
    Backups(backups::BackupsArgs),
    /// Put a cell on SQLite back as a backup has it, where there is none (on its machine)
    Restore(restore::RestoreArgs),
    /// Have a stopped cell go on from what its restored database holds
    Restored(restored::RestoredArgs),
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
            Self::Backup(args) => super::block_on(args.run()),
            Self::Backups(args) => super::block_on(args.run()),
            Self::Restore(args) => super::block_on(args.run()),
            Self::Restored(args) => super::block_on(args.run()),
        }
    }
}
