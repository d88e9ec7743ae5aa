mod close;

use clap::Subcommand;

use crate::config::BillingConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// Billing months, and the process that rates them.
#[derive(Debug, Subcommand)]
pub(crate) enum BillingCommand {
    /// Close a month of an account: rate its usage and issue the invoice
    Close(close::CloseArgs),
    /// Run billing
    Serve(ServeArgs),
}

impl BillingCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Close(args) => super::block_on(args.run()),
            Self::Serve(args) => {
                let config: BillingConfig = args.load("ATOLL_BILLING")?;
                config.log.init()?;
                serve::block_on(|life| wiring::billing::serve(config, life), args.supervisor)
            }
        }
    }
}
