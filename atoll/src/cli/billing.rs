mod close;
mod serve;

use clap::Subcommand;

/// Billing months, and the process that rates them.
#[derive(Debug, Subcommand)]
pub(crate) enum BillingCommand {
    /// Close a month of an account: rate its usage and issue the invoice
    Close(close::CloseArgs),
    /// Run billing
    Serve(serve::BillingServeArgs),
}

impl BillingCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Close(args) => super::block_on(args.run()),
            Self::Serve(args) => args.run(),
        }
    }
}
