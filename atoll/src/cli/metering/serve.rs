use clap::Args;
use metering::Database;

use crate::cli::database::DatabaseArgs;
use crate::config::MeteringConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// Runs metering. Flags win over the configuration file.
#[derive(Debug, Args)]
pub(crate) struct MeteringServeArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl MeteringServeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut config: MeteringConfig = self.serve.load("ATOLL_METERING")?;
        let check = |url: &_| Database::parse(url).map(drop);
        self.database.over(&mut config.database_url, &mut config.allow_unsafe_database, check)?;
        config.log.init()?;
        serve::block_on(|life| wiring::metering::serve(config, life), self.serve.supervisor)
    }
}
