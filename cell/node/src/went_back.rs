//! A cell that stopped because its log went back says so in its store: the next process knows nothing of it otherwise,
//! and would go on over the gap.

use cell_shard::ShardRuntime;
use cell_store::{Incarnations, MetadataStore};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two tries: a store that went back may be away for a while.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits until the cell stops for that, if it ever does, and leaves the mark. Where the process ends before the store
/// takes it, nobody knows any more.
pub(crate) async fn mark(
    shards: Arc<ShardRuntime>,
    metadata: Arc<dyn MetadataStore>,
    incarnations: Arc<Incarnations>,
    stop: CancellationToken,
) {
    let why = tokio::select! {
        biased;
        why = shards.stopped() => why,
        () = stop.cancelled() => return,
    };
    while let Err(error) = incarnations.mark_went_back(&*metadata, why).await {
        tracing::error!(%error, "the log went back, and the store does not take that down yet");
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            return;
        }
    }
    stop.cancelled().await;
}
