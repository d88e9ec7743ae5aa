use clap::Args;

use crate::cli::database_url::DatabaseUrlArgs;
use crate::config::BillingConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// Runs billing. Flags win over the configuration file.
#[derive(Debug, Args)]
pub(crate) struct BillingServeArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    database: DatabaseUrlArgs,
}

impl BillingServeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut config: BillingConfig = self.serve.load("ATOLL_BILLING")?;
        self.database.over(&mut config.database_url, &mut config.allow_unsafe_database)?;
        config.log.init()?;
        serve::block_on(|life| wiring::billing::serve(config, life), self.serve.supervisor)
    }
}
