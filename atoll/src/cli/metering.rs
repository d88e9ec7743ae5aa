use clap::Subcommand;

use crate::config::MeteringConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// Metering.
#[derive(Debug, Subcommand)]
pub(crate) enum MeteringCommand {
    /// Run metering
    Serve(ServeArgs),
}

impl MeteringCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::Serve(args) = self;
        let config: MeteringConfig = args.load("ATOLL_METERING")?;
        config.log.init()?;
        serve::block_on(|life| wiring::metering::serve(config, life), args.supervisor)
    }
}
