use async_trait::async_trait;

use super::StoreError;
use crate::config::CellConfig;
use crate::model::{Cell, Health};

/// What was seen of a cell.
pub(crate) struct Sighting<'a> {
    pub(crate) cell_id: &'a str,
    pub(crate) health: Health,
    pub(crate) problems: &'a [String],
    pub(crate) failures: u32,
    /// When it answered; none where it did not.
    pub(crate) seen_ms: Option<i64>,
}

/// Cells, as of one moment, each with how many namespaces it has that are not deleted.
#[async_trait]
pub(crate) trait ReadCells: Send {
    async fn cell(&mut self, id: &str) -> Result<Option<Cell>, StoreError>;

    /// All cells by id; there are few.
    async fn cells(&mut self) -> Result<Vec<Cell>, StoreError>;
}

/// Changes of cells.
#[async_trait]
pub(crate) trait WriteCells: Send {
    /// Writes what is configured; what operators decided and what was seen stays.
    async fn configure_cell(&mut self, cell: &CellConfig) -> Result<(), StoreError>;

    async fn set_draining(&mut self, id: &str, draining: bool) -> Result<(), StoreError>;

    /// Writes what was seen. When it last answered stays where it did not.
    async fn see_cell(&mut self, sighting: &Sighting<'_>) -> Result<(), StoreError>;
}
