use async_trait::async_trait;

use super::{Row, Session, Statement, values_of};
use crate::store::StoreError;
use crate::store::regions::{ReadRegions, Region, WriteRegions};

#[async_trait]
impl<S: Session> ReadRegions for S {
    async fn regions(&mut self) -> Result<Vec<Region>, StoreError> {
        let rows = self.all(Statement::RegionList, &[]).await?;
        rows.iter().map(|row| Ok(Region { id: row.text("id")?, location: row.text("location")? })).collect()
    }
}

#[async_trait]
impl<S: Session> WriteRegions for S {
    async fn configure_region(&mut self, id: &str, location: &str) -> Result<(), StoreError> {
        self.run(Statement::RegionUpsert, values_of![id, location]).await.map(drop)
    }
}
