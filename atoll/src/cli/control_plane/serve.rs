use clap::Args;

use crate::cli::database_url::DatabaseUrlArgs;
use crate::config::ControlPlaneConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// Runs the control plane. Flags win over the configuration file.
#[derive(Debug, Args)]
pub(crate) struct ControlPlaneServeArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    database: DatabaseUrlArgs,
}

impl ControlPlaneServeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut config: ControlPlaneConfig = self.serve.load("ATOLL_CONTROL_PLANE")?;
        self.database.over(&mut config.database_url, &mut config.allow_unsafe_database)?;
        config.log.init()?;
        serve::block_on(|life| wiring::control_plane::serve(config, life), self.serve.supervisor)
    }
}
