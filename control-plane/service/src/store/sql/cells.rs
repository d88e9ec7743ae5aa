use async_trait::async_trait;

use super::{Row, Session, Statement, values_of};
use crate::config::CellConfig;
use crate::model::{Cell, Health};
use crate::store::StoreError;
use crate::store::cells::{ReadCells, Sighting, WriteCells};

#[async_trait]
impl<S: Session> ReadCells for S {
    async fn cell(&mut self, id: &str) -> Result<Option<Cell>, StoreError> {
        let row = self.one(Statement::CellGet, values_of![id]).await?;
        row.as_ref().map(cell).transpose()
    }

    async fn cells(&mut self) -> Result<Vec<Cell>, StoreError> {
        let rows = self.all(Statement::CellList, &[]).await?;
        rows.iter().map(cell).collect()
    }
}

#[async_trait]
impl<S: Session> WriteCells for S {
    async fn configure_cell(&mut self, cell: &CellConfig) -> Result<(), StoreError> {
        let values = values_of![
            &cell.id,
            &cell.region,
            &cell.frontend,
            &cell.admin,
            cell.token.expose(),
            i64::from(cell.capacity),
        ];
        self.run(Statement::CellUpsert, values).await.map(drop)
    }

    async fn set_draining(&mut self, id: &str, draining: bool) -> Result<(), StoreError> {
        self.run(Statement::CellSetDraining, values_of![id, draining]).await.map(drop)
    }

    async fn see_cell(&mut self, sighting: &Sighting<'_>) -> Result<(), StoreError> {
        let problems = serde_json::to_string(sighting.problems)
            .map_err(|error| StoreError::malformed("problems", error))?;
        let values = values_of![
            sighting.cell_id,
            sighting.health.name(),
            &problems,
            i64::from(sighting.failures),
            sighting.seen_ms,
        ];
        self.run(Statement::CellSetHealth, values).await.map(drop)
    }
}

fn cell(row: &impl Row) -> Result<Cell, StoreError> {
    let health = row.text("health")?;
    Ok(Cell {
        id: row.text("id")?,
        region: row.text("region")?,
        frontend: row.text("frontend")?,
        admin: row.text("admin")?,
        token: row.text("token")?.into(),
        capacity: row.small("capacity")?,
        draining: row.flag("draining")?,
        health: Health::from_name(&health).ok_or_else(|| StoreError::malformed("cell health", health))?,
        problems: serde_json::from_str(&row.text("problems")?)
            .map_err(|error| StoreError::malformed("problems", error))?,
        failures: row.small("failures")?,
        last_seen_ms: row.maybe_integer("last_seen_ms")?,
        namespaces: row.small("namespaces")?,
    })
}
