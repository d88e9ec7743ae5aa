use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};

use super::{StoreError, sql};
use crate::config::CellConfig;
use crate::model::{Cell, Health};

/// Writes what is configured; what operators decided and what was seen stays.
pub(crate) async fn upsert(connection: &mut SqliteConnection, cell: &CellConfig) -> Result<(), StoreError> {
    query(sql!("cell_upsert"))
        .bind(&cell.id)
        .bind(&cell.region)
        .bind(&cell.frontend)
        .bind(&cell.admin)
        .bind(cell.token.expose())
        .bind(cell.capacity)
        .execute(connection)
        .await?;
    Ok(())
}

/// All cells by id; there are few.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<Cell>, StoreError> {
    let rows = query(sql!("cell_list")).fetch_all(connection).await?;
    rows.iter().map(cell).collect()
}

pub(crate) async fn get(connection: &mut SqliteConnection, id: &str) -> Result<Option<Cell>, StoreError> {
    let row = query(sql!("cell_get")).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(cell).transpose()
}

pub(crate) async fn set_draining(
    connection: &mut SqliteConnection,
    id: &str,
    draining: bool,
) -> Result<(), StoreError> {
    query(sql!("cell_set_draining")).bind(id).bind(draining).execute(connection).await?;
    Ok(())
}

/// What was seen of a cell.
pub(crate) struct Sighting<'a> {
    pub(crate) cell_id: &'a str,
    pub(crate) health: Health,
    pub(crate) problems: &'a [String],
    pub(crate) failures: u32,
    /// When it answered; none where it did not.
    pub(crate) seen_ms: Option<i64>,
}

pub(crate) async fn set_health(
    connection: &mut SqliteConnection,
    sighting: &Sighting<'_>,
) -> Result<(), StoreError> {
    let problems =
        serde_json::to_string(sighting.problems).map_err(|error| StoreError::malformed("problems", error))?;
    query(sql!("cell_set_health"))
        .bind(sighting.cell_id)
        .bind(sighting.health.name())
        .bind(problems)
        .bind(sighting.failures)
        .bind(sighting.seen_ms)
        .execute(connection)
        .await?;
    Ok(())
}

fn cell(row: &SqliteRow) -> Result<Cell, StoreError> {
    let health: String = row.try_get("health")?;
    let problems: String = row.try_get("problems")?;
    Ok(Cell {
        id: row.try_get("id")?,
        region: row.try_get("region")?,
        frontend: row.try_get("frontend")?,
        admin: row.try_get("admin")?,
        token: row.try_get::<String, _>("token")?.into(),
        capacity: row.try_get("capacity")?,
        draining: row.try_get("draining")?,
        health: Health::from_name(&health).ok_or_else(|| StoreError::malformed("cell health", health))?,
        problems: serde_json::from_str(&problems)
            .map_err(|error| StoreError::malformed("problems", error))?,
        failures: row.try_get("failures")?,
        last_seen_ms: row.try_get("last_seen_ms")?,
        namespaces: row.try_get("namespaces")?,
    })
}
