use clap::Args;

use crate::cli::database_url::DatabaseUrlArgs;
use crate::cli::objects_url::ObjectsUrlArgs;
use crate::config::MeteringConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// Runs metering. Flags win over the configuration file.
#[derive(Debug, Args)]
pub(crate) struct MeteringServeArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    database: DatabaseUrlArgs,
    #[command(flatten)]
    objects: ObjectsUrlArgs,
}

impl MeteringServeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut config: MeteringConfig = self.serve.load("ATOLL_METERING")?;
        self.database.over(&mut config.database_url, &mut config.allow_unsafe_database)?;
        self.objects.over(&mut config.objects_url)?;
        config.log.init()?;
        serve::block_on(|life| wiring::metering::serve(config, life), self.serve.supervisor)
    }
}
