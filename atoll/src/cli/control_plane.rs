use clap::Subcommand;

use crate::config::ControlPlaneConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// The control plane.
#[derive(Debug, Subcommand)]
pub(crate) enum ControlPlaneCommand {
    /// Run the control plane
    Serve(ServeArgs),
}

impl ControlPlaneCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::Serve(args) = self;
        let config: ControlPlaneConfig = args.load("ATOLL_CONTROL_PLANE")?;
        config.log.init()?;
        serve::block_on(|life| wiring::control_plane::serve(config, life), args.supervisor)
    }
}
