//! What a server must be before anything is written to it.

use crate::error::Refusal;
use crate::options::PostgresOptions;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// The oldest that is tried.
const OLDEST: i32 = 150_000;

const LOOK: &str = "SELECT current_setting('server_version_num')::int4, pg_is_in_recovery(), \
     current_setting('transaction_read_only'), current_setting('server_encoding'), current_setting('fsync'), \
     current_setting('full_page_writes'), current_setting('synchronous_commit'), pg_backend_pid(), \
     coalesce((SELECT (extract(epoch FROM backend_start) * 1000000)::int8 \
     FROM pg_stat_get_activity(pg_backend_pid())), 0)";

/// Ends sessions of this role, but none that has the number of one that has ended since.
pub(crate) const END: &str = "SELECT pg_terminate_backend(pid) \
     FROM unnest($1::int4[], $2::int8[]) AS given (pid, since) JOIN pg_stat_activity USING (pid) \
     WHERE (extract(epoch FROM backend_start) * 1000000)::int8 = since";

/// What a server may be told while a session lasts.
pub(crate) const DURABLE: &str = "SELECT current_setting('fsync'), current_setting('full_page_writes')";

const SETTINGS: [&str; 2] = ["fsync", "full_page_writes"];

/// Refuses what [`DURABLE`] answers where a commit may be lost.
pub(crate) fn check_durable(found: &[PgRow]) -> Result<(), Refusal> {
    let found = found.first().ok_or(sqlx::Error::RowNotFound)?;
    for (column, setting) in SETTINGS.into_iter().enumerate() {
        must_be_on(setting, found.try_get(column)?)?;
    }
    Ok(())
}

fn must_be_on(setting: &'static str, found: String) -> Result<(), Refusal> {
    if found == "on" { Ok(()) } else { Err(Refusal::NotDurable { setting, found }) }
}

/// What a server's commits wait for (`synchronous_commit`), as it was found; none where a commit may be lost.
///
/// Each session says so again for itself: where the configuration is read anew with less, its commits wait for as much
/// as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Durability(Option<&'static str>);

impl Durability {
    /// For the rest of a session.
    pub(crate) fn set(self) -> Option<String> {
        self.0.map(|found| format!("SET synchronous_commit = {found}"))
    }

    /// For a transaction.
    pub(crate) fn set_local(self) -> Option<String> {
        self.0.map(|found| format!("SET LOCAL synchronous_commit = {found}"))
    }
}

/// A session as the server tells it from others, now and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backend {
    /// The number of its process.
    pub(crate) pid: i32,
    /// Its beginning, Unix microseconds.
    pub(crate) since: i64,
}

/// Refuses a server that may lose what it commits, or that does not take it.
pub(crate) async fn check(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<(Durability, Backend), Refusal> {
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
    let number = |column: usize| text(column).map(|text| text.parse::<i64>().unwrap_or_default());
    let backend = Backend { pid: number(7)? as i32, since: number(8)? };
    if options.allow_unsafe {
        return Ok((Durability(None), backend));
    }
    for (column, setting) in (4..).zip(SETTINGS) {
        must_be_on(setting, text(column)?)?;
    }
    // `local` would not wait for a standby that the operator wants to be waited for.
    let found = text(6)?;
    match ["on", "remote_write", "remote_apply"].into_iter().find(|safe| *safe == found) {
        Some(safe) => Ok((Durability(Some(safe)), backend)),
        None => Err(Refusal::NotDurable { setting: "synchronous_commit", found }),
    }
}
