use atoll_object_store::Use;
use atoll_rpc::{Clock, Ids, SystemClock, SystemIds};
use cell_backup::{MOST_GROWTH, Moment, back_up};
use clap::Args;

use super::stored::{BackupsPlaceArgs, StoredCellArgs, files};
use crate::client::output::OutputArgs;

/// Backs up a cell on SQLite into an object store: its database and its lists. The cell may serve meanwhile.
///
/// This needs as much free disk beside the database as its files have. Backups are deleted by the lifecycle rules of
/// the object store: all of a cell's stand below backups/CELL/.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    cell: StoredCellArgs,
    #[command(flatten)]
    place: BackupsPlaceArgs,
    /// Give up where the cell writes more bytes than this while a database is copied
    #[arg(long, value_name = "BYTES", default_value_t = MOST_GROWTH)]
    most_wal_bytes: u64,
    #[command(flatten)]
    output: OutputArgs,
}

impl BackupArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.cell.load()?;
        let (files, objects) = (files(&config)?, self.place.open(&config, Use::Write).await?);
        let moment = Moment { at: SystemClock.now(), own: SystemIds.next() };
        let made = back_up(&files, &config.cell_id, moment, &*objects, self.most_wal_bytes).await?;
        self.output.print(
            || {
                format!(
                    "Backup {} of cell {}: {} bytes.\n",
                    made.id,
                    made.cell_id,
                    made.cell.bytes + made.lists.bytes
                )
            },
            || Ok(serde_json::to_value(&made)?),
        )
    }
}
