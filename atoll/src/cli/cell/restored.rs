use atoll_rpc::{Ids, SystemIds};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::stored::StoredCellArgs;
use crate::cli::UsageError;
use crate::client::output::OutputArgs;
use crate::serve::clock::clock;
use crate::wiring::stores::Database;
use crate::wiring::stores::stopped::StoppedCell;

/// Has a cell that does not run go on from what its database holds, as a new incarnation of its log: after its database
/// was restored from a backup, or a failover lost its end. What it wrote behind that, and is gone, stays billed as far
/// as its usage was exported.
///
/// Killed at any moment this has done all of it or nothing. Done twice it makes two incarnations, of which the first
/// has written nothing: that does no harm.
#[derive(Debug, Args)]
pub(crate) struct RestoredArgs {
    #[command(flatten)]
    cell: StoredCellArgs,
    /// Yes, what the database holds is what the cell goes on from
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl RestoredArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.cell.load()?;
        let database = Database::configured(&config)?;
        if !self.yes {
            return Err(UsageError::new(format!(
                "this has cell {} go on from what its database holds, without what it wrote behind that: pass --yes \
                 to do it",
                config.cell_id
            ))
            .into());
        }
        let clock = clock(config.time_offset.as_deref())?;
        let cell = StoppedCell::open(&database, &config).await?;
        let (stores, wall_ms) = (cell.stores(), clock.now().as_millisecond());
        let renewed = tokio::select! {
            biased;
            renewed = cell_shard::renew(&stores, SystemIds.next(), wall_ms) => renewed.map_err(anyhow::Error::from),
            lost = cell.lost() => Err(lost),
        };
        cell.close().await;
        print(&config.cell_id, &renewed?, &self.output)
    }
}

/// Says what was done.
pub(super) fn print(cell_id: &str, renewed: &cell_shard::Renewed, output: &OutputArgs) -> anyhow::Result<()> {
    let restored = &renewed.restored;
    let (at, first_hour) =
        (Timestamp::from_millisecond(restored.at_ms)?, Timestamp::from_millisecond(restored.first_hour_ms)?);
    output.print(
        || {
            format!(
                "Cell {cell_id} goes on as incarnation {}, which replaces {}, from {at} on. It seals hours from \
                 {first_hour} on.\n",
                renewed.id, renewed.replaces
            )
        },
        || {
            Ok(json!({
                "cell": cell_id,
                "incarnation": renewed.id.to_string(),
                "replaces": renewed.replaces.to_string(),
                "restoredAt": at.to_string(),
                "firstHour": first_hour.to_string(),
                "firstRows": restored.first_seq,
            }))
        },
    )
}
