use anyhow::bail;
use atoll_object_store::Use;
use cell_backup::{BackupError, Manifest, list};
use clap::Args;

use super::stored::{BackedUpCellArgs, BackupsPlaceArgs};
use crate::client::output::OutputArgs;
use crate::client::table::Table;

/// Shows a cell's backups, the newest first.
#[derive(Debug, Args)]
pub(crate) struct BackupsArgs {
    #[command(flatten)]
    cell: BackedUpCellArgs,
    #[command(flatten)]
    place: BackupsPlaceArgs,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

impl BackupsArgs {
    /// Fails where one cannot be read: the others are shown.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.cell.load()?;
        let found = list(&*self.place.open(&config, Use::Read).await?, &config.cell_id, self.limit).await?;
        let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
        let good: Vec<Manifest> = good.into_iter().filter_map(Result::ok).collect();
        self.output.print(|| table(&good), || Ok(serde_json::to_value(&good)?))?;
        let bad: Vec<BackupError> = bad.into_iter().filter_map(Result::err).collect();
        for error in &bad {
            eprintln!("{error}");
        }
        if !bad.is_empty() {
            bail!("{} backups cannot be read", bad.len());
        }
        Ok(())
    }
}

fn table(backups: &[Manifest]) -> Table {
    let mut table = Table::new(["BACKUP", "MADE", ">BYTES", ">SHARDS", "INCARNATION"]);
    for backup in backups {
        table.row([
            backup.id.clone(),
            format!("{:.0}", backup.made_at),
            (backup.cell.bytes + backup.lists.bytes).to_string(),
            backup.shard_count.to_string(),
            backup.incarnation.to_string(),
        ]);
    }
    table
}
