mod list;
mod skip;

use clap::Subcommand;

/// Usage objects that are missing or damaged.
#[derive(Debug, Subcommand)]
pub(crate) enum ObjectCommand {
    /// Show the log rows that shards wait for
    List(list::ListArgs),
    /// Give up log rows whose object is lost for good: the reason stands on invoices
    Skip(skip::SkipArgs),
}

impl ObjectCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run().await,
            Self::Skip(args) => args.run().await,
        }
    }
}
