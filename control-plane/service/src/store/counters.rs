use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, query};

use super::{StoreError, sql};

/// Counters that outlive the process: versions that others compare with what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Version of the routing table.
    Routes,
    /// Generation of the set of API keys.
    KeySet,
}

impl Counter {
    const fn name(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::KeySet => "key_set",
        }
    }
}

pub(crate) async fn get(connection: &mut SqliteConnection, counter: Counter) -> Result<u64, StoreError> {
    let value: i64 =
        query(sql!("counter_get")).bind(counter.name()).fetch_one(connection).await?.try_get(0)?;
    Ok(value.cast_unsigned())
}

/// Raises the counter by one, and to `at_least` where that is more.
pub(crate) async fn raise(
    connection: &mut SqliteConnection,
    counter: Counter,
    at_least: u64,
) -> Result<u64, StoreError> {
    let at_least = i64::try_from(at_least).map_err(|error| StoreError::malformed("counter", error))?;
    let row = query(sql!("counter_raise")).bind(counter.name()).bind(at_least).fetch_one(connection).await?;
    Ok(row.try_get::<i64, _>("value")?.cast_unsigned())
}
