//! What a dev cloud looks at before it starts anything, so that a refusal is one line and leaves everything as it was.

use std::path::Path;

use atoll_database::Database;

use super::plan::{BILLING_DATABASE, CONTROL_PLANE_DATABASE, METERING_DATABASE, cell_databases};
use crate::wiring::stores;

/// Refuses databases that their pieces would refuse: those that other processes use, foreign ones, newer ones, and of
/// cells those with a damaged log. Writes nothing; what is missing is fine. Call it while no piece runs.
pub(super) async fn databases(data_dir: &Path) -> anyhow::Result<()> {
    for cell in cell_databases() {
        stores::inspect(&data_dir.join(cell)).await?;
    }
    metering::inspect_database(&Database::Sqlite(data_dir.join(METERING_DATABASE))).await?;
    billing::inspect_database(&data_dir.join(BILLING_DATABASE)).await?;
    control_plane::inspect_database(&Database::Sqlite(data_dir.join(CONTROL_PLANE_DATABASE))).await?;
    Ok(())
}
