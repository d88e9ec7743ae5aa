//! What a dev cloud in files looks at before it starts anything, so that a refusal is one line and leaves everything as
//! it was.

use std::path::Path;

use atoll_database::Database;

use super::storage::{BILLING, CONTROL_PLANE, METERING, cell_files, piece_database};
use crate::wiring::stores;

/// Refuses databases that their pieces would refuse: those that other processes use, foreign ones, newer ones, and of
/// cells those with a damaged log. Writes nothing; what is missing is fine. Call it while no piece runs.
pub(super) async fn databases(data_dir: &Path) -> anyhow::Result<()> {
    for cell in cell_files() {
        stores::inspect(&data_dir.join(cell)).await?;
    }
    let file = |piece: &str| data_dir.join(piece_database(piece));
    metering::inspect_database(&Database::Sqlite(file(METERING))).await?;
    billing::inspect_database(&file(BILLING)).await?;
    control_plane::inspect_database(&Database::Sqlite(file(CONTROL_PLANE))).await?;
    Ok(())
}
