use async_trait::async_trait;

use super::StoreError;

/// A region: its id, and where it is, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) id: String,
    pub(crate) location: String,
}

/// Regions, as of one moment.
#[async_trait]
pub(crate) trait ReadRegions: Send {
    /// All regions by id; there are few.
    async fn regions(&mut self) -> Result<Vec<Region>, StoreError>;
}

/// Changes of regions.
#[async_trait]
pub(crate) trait WriteRegions: Send {
    /// Writes what is configured.
    async fn configure_region(&mut self, id: &str, location: &str) -> Result<(), StoreError>;
}
