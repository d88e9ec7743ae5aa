use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, query};

use super::{StoreError, sql};

/// A region: its id, and where it is, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) id: String,
    pub(crate) location: String,
}

pub(crate) async fn upsert(
    connection: &mut SqliteConnection,
    id: &str,
    location: &str,
) -> Result<(), StoreError> {
    query(sql!("region_upsert")).bind(id).bind(location).execute(connection).await?;
    Ok(())
}

/// All regions by id; there are few.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<Region>, StoreError> {
    let rows = query(sql!("region_list")).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(Region { id: row.try_get("id")?, location: row.try_get("location")? })).collect()
}
