use std::path::PathBuf;
use std::time::Duration;

use atoll_api::call::Status;
use atoll_internal_api::cell::v1::{WatchRoutesRequest, WatchRoutesResponse, routing_service};
use atoll_rpc::{CallOptions, RawClient};
use tokio_util::sync::CancellationToken;

use crate::forward::SharedTable;
use crate::table::RoutingTable;

/// How long one watch may take; the control plane answers a little earlier.
const WATCH: Duration = Duration::from_secs(30);
/// First pause after a failed watch; pauses double up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after a failed watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Follows the control plane's routing table.
pub(crate) struct Watch {
    pub(crate) client: RawClient,
    pub(crate) token: String,
    pub(crate) table: SharedTable,
    pub(crate) cache: Option<PathBuf>,
}

impl Watch {
    /// Follows the table until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        // Version 0 asks for the whole table: after a start or a broken watch nobody knows whether the same version is the same
        // table, because the control plane's database may have been replaced.
        let mut known = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = self.ask(known) => answer,
            };
            match answer {
                Ok(answer) => {
                    pause = FIRST_PAUSE;
                    if answer.version != known {
                        known = answer.version;
                        self.take(answer.into());
                    }
                }
                Err(status) => {
                    tracing::info!(%status, "routing table cannot be read; the last one stays in use");
                    known = 0;
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn ask(&self, known: u64) -> Result<WatchRoutesResponse, Status> {
        let request = WatchRoutesRequest { after_version: known };
        let options = CallOptions::timeout(WATCH).bearer(&self.token);
        self.client.call(routing_service::WATCH_ROUTES, &request, options).await
    }

    fn take(&self, table: RoutingTable) {
        tracing::debug!(version = table.version, routes = table.routes.len(), "routing table changed");
        if let Some(cache) = &self.cache
            && let Err(error) = table.save(cache)
        {
            tracing::warn!(%error, "routing table is not kept");
        }
        self.table.replace(table);
    }
}
