use atoll_object_store::Use;
use atoll_rpc::{Ids, SystemIds};
use cell_backup::{Restoring, find, restore};
use clap::Args;

use super::restored;
use super::stored::{BackupsPlaceArgs, StoredCellArgs, files};
use crate::client::output::OutputArgs;
use crate::serve::clock::clock;

/// Puts a cell on SQLite back as a backup has it, where there is no database. Its log goes on as a new incarnation: it
/// may be started when this is done. `atoll cell rebuild-visibility` brings its lists up to the same moment then.
///
/// This needs as much free disk as the backup has bytes. Where it fails or is killed there is no cell; it may simply be
/// run again.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup, as `atoll cell backups` names it; the newest where none is named
    backup: Option<String>,
    #[command(flatten)]
    cell: StoredCellArgs,
    #[command(flatten)]
    place: BackupsPlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl RestoreArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.cell.load()?;
        let (files, objects) = (files(&config)?, self.place.open(&config, Use::Read).await?);
        let now_ms = clock(config.time_offset.as_deref())?.now().as_millisecond();
        let backup = find(&*objects, &config.cell_id, self.backup.as_deref()).await?;
        let restoring = Restoring { incarnation: SystemIds.next(), now_ms };
        let renewed = restore(&*objects, &backup, &files, restoring).await?;
        restored::print(&config.cell_id, &renewed, &self.output)
    }
}
