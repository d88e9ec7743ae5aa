//! How a chain of runs ended, on its way to a listener: a parent, or a schedule. It may arrive twice.

use super::gone;
use cell_engine::TellEnd;
use cell_engine::commands::RecordListenerTold;
use cell_shard::{ShardError, ShardRuntime, Target};

pub(super) async fn tell_end(shards: &ShardRuntime, run: &Target, end: TellEnd) -> Result<(), ShardError> {
    let TellEnd { number, listener, ended } = end;
    gone(shards.tell(&listener, ended).await)?;
    gone(shards.execute(run, RecordListenerTold(number)).await)?;
    Ok(())
}
