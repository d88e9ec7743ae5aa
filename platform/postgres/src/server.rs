//! What a server must be before anything is written to it.

use crate::error::Refusal;
use crate::options::PostgresOptions;
use sqlx::{PgConnection, Row};

/// The oldest that is tried.
const OLDEST: i32 = 150_000;

const LOOK: &str = "SELECT current_setting('server_version_num')::int4, pg_is_in_recovery(), \
     current_setting('transaction_read_only'), current_setting('server_encoding'), current_setting('fsync'), \
     current_setting('full_page_writes'), current_setting('synchronous_commit')";

/// Refuses a server that may lose what it commits, or that does not take it.
pub(crate) async fn check(connection: &mut PgConnection, options: &PostgresOptions) -> Result<(), Refusal> {
    // One message, which no pooler takes apart.
    let found = sqlx::raw_sql(LOOK).fetch_one(&mut *connection).await?;
    let text = |column: usize| found.try_get_unchecked::<String, _>(column);
    let version: i32 = text(0)?.parse().unwrap_or_default();
    if version < OLDEST {
        return Err(Refusal::OldServer { version });
    }
    if text(1)? != "f" {
        return Err(Refusal::ReadOnly("it is a standby"));
    }
    if text(2)? != "off" {
        return Err(Refusal::ReadOnly("default_transaction_read_only is on"));
    }
    if text(3)? != "UTF8" {
        return Err(Refusal::Encoding(text(3)?));
    }
    if options.allow_unsafe {
        return Ok(());
    }
    for (column, setting) in [(4, "fsync"), (5, "full_page_writes")] {
        if text(column)? != "on" {
            return Err(Refusal::NotDurable { setting, found: text(column)? });
        }
    }
    // `local` would not wait for a standby that the operator wants to be waited for.
    match text(6)?.as_str() {
        "on" | "remote_write" | "remote_apply" => Ok(()),
        found => Err(Refusal::NotDurable { setting: "synchronous_commit", found: found.to_owned() }),
    }
}
