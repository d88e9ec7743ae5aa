mod drop;
mod entity;
mod list;
mod retry;
mod show;

use clap::Subcommand;

/// Entities that a cell's engine failed on, kept aside until somebody has looked.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Show the entities that a cell keeps aside
    List(list::ListArgs),
    /// Show one of them with what is stored of it
    Show(show::ShowArgs),
    /// Try one again: its shard is taken over anew, as after a restart
    Retry(retry::RetryArgs),
    /// Delete one for good, with its history; nobody is told of it, neither its parent nor its children
    Drop(drop::DropArgs),
}

impl QuarantineCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run().await,
            Self::Show(args) => args.run().await,
            Self::Retry(args) => args.run().await,
            Self::Drop(args) => args.run().await,
        }
    }
}
