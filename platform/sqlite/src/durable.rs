//! Commits that survive the loss of power.

use std::time::Duration;

use sqlx::SqliteConnection;
use tokio::time::Instant;

use crate::error::Refusal;

/// How long a connection waits for another one's lock before the call fails.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries where SQLite itself does not wait.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// SQLite's code for a lock that another connection holds.
const SQLITE_BUSY: &str = "5";

/// `PRAGMA synchronous` where every commit is synced (FULL).
const SYNCHRONOUS_FULL: i64 = 2;

/// What a commit must withstand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The loss of power.
    Power,
    /// The end of the process: for tests, in which no machine stops.
    Process,
}

impl Durability {
    /// Refuses a connection whose commits would not withstand that ([`Refusal::NotDurable`]).
    pub async fn check(self, connection: &mut SqliteConnection) -> Result<(), Refusal> {
        if self == Self::Process {
            return Ok(());
        }
        let found: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(connection).await?;
        if found < SYNCHRONOUS_FULL {
            return Err(Refusal::NotDurable { setting: "synchronous", found: found.to_string() });
        }
        Ok(())
    }
}

/// Gives the file a write-ahead log, which it keeps; refuses one that cannot have any (`:memory:`).
///
/// SQLite does not wait for other connections here, whatever its busy timeout: they are asked again for that long.
pub(crate) async fn use_write_ahead_log(connection: &mut SqliteConnection) -> Result<(), Refusal> {
    let given_up = Instant::now() + BUSY_TIMEOUT;
    let found: String = loop {
        match sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await {
            Err(error) if is_busy(&error) && Instant::now() < given_up => {
                tokio::time::sleep(BUSY_PAUSE).await
            }
            answer => break answer?,
        }
    };
    if found != "wal" {
        return Err(Refusal::NotDurable { setting: "journal_mode", found });
    }
    Ok(())
}

fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == SQLITE_BUSY)
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    #[tokio::test]
    async fn a_connection_that_does_not_sync_is_refused() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for (setting, found) in [("OFF", "0"), ("NORMAL", "1")] {
            let pragma = format!("PRAGMA synchronous = {setting}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(pragma)).execute(&mut connection).await.unwrap();
            let refusal = Durability::Power.check(&mut connection).await.unwrap_err();
            assert_eq!(refusal.to_string(), format!("would not be durable: synchronous is {found}"));
            Durability::Process.check(&mut connection).await.unwrap();
        }
        sqlx::raw_sql("PRAGMA synchronous = FULL").execute(&mut connection).await.unwrap();
        Durability::Power.check(&mut connection).await.unwrap();
    }
}
