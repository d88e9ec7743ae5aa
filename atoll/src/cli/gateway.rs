use clap::Subcommand;

use crate::config::GatewayConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// The gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum GatewayCommand {
    /// Run a gateway
    Serve(ServeArgs),
}

impl GatewayCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::Serve(args) = self;
        let config: GatewayConfig = args.load("ATOLL_GATEWAY")?;
        config.log.init()?;
        serve::block_on(|life| wiring::gateway::serve(config, life), args.supervisor)
    }
}
