mod list;
mod lose;
mod retire;

use clap::Subcommand;

/// Cells, as metering knows them: which hours each is asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum CellCommand {
    /// Show the cells, their log incarnations, and what was decided about them
    List(list::ListArgs),
    /// Ask a cell that was emptied and stopped for no more hours
    Retire(retire::RetireArgs),
    /// Give up what a cell has not delivered: the reason stands on invoices
    Lose(lose::LoseArgs),
}

impl CellCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run().await,
            Self::Retire(args) => args.run().await,
            Self::Lose(args) => args.run().await,
        }
    }
}
