//! Billing's database.

use anyhow::Context;
use billing::Database;

use crate::config::BillingConfig;

/// What a configuration says.
pub(super) fn configured(config: &BillingConfig) -> anyhow::Result<Database> {
    let url = config.database_url.as_ref().context(
        "billing has no database: give its URL as database_url, --database-url-file or ATOLL_DATABASE_URL",
    )?;
    let database = Database::parse(url).context("the database's URL")?;
    Ok(database.allow_unsafe(config.allow_unsafe_database))
}
