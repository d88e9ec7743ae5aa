//! Removed namespaces are emptied: what their shards hold of them goes.

use super::CellRecords;
use cell_shard::ShardRuntime;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What could not be deleted is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Empties removed namespaces, also those that were removed in an earlier life, until `stop`.
pub(crate) async fn empty_removed(
    records: Arc<CellRecords>,
    shards: Arc<ShardRuntime>,
    stop: CancellationToken,
) {
    let work = async {
        loop {
            if empty_all(&records, &shards).await {
                records.removed_one().await;
            } else {
                let _ = tokio::time::timeout(TRY_AGAIN, records.removed_one()).await;
            }
        }
    };
    stop.run_until_cancelled(work).await;
}

/// Answers whether nothing is left of any.
async fn empty_all(records: &CellRecords, shards: &ShardRuntime) -> bool {
    let mut all = true;
    for (id, generation) in records.to_empty() {
        let emptied = match shards.empty_namespace(id).await {
            Ok(true) => records.emptied(id, generation).await.map_err(|error| error.to_string()),
            Ok(false) => Err("something of it cannot be deleted".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = emptied {
            tracing::warn!(namespace = %id, why, "a removed namespace is not empty yet; trying again");
            all = false;
        }
    }
    all
}
