use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use atoll_api::call::Status;
use atoll_internal_api::cell::v1::{WatchRoutesRequest, WatchRoutesResponse, routing_service};
use atoll_rpc::{CallOptions, RawClient};
use atoll_secret::Secret;
use tokio_util::sync::CancellationToken;

use crate::forward::SharedTable;
use crate::table::RoutingTable;

/// How long one watch may take; the control plane answers a little earlier.
const WATCH: Duration = Duration::from_secs(30);
/// How long one look at the current table, or a first one, may take.
const LOOK: Duration = Duration::from_secs(2);
/// Pause between two looks that calls asked for, so that calls for unknown namespaces do not load the control plane.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// First pause after a failed watch; pauses double up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after a failed watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Follows the control plane's routing table.
pub(crate) struct Watch {
    pub(crate) client: RawClient,
    pub(crate) token: Secret,
    pub(crate) table: SharedTable,
    pub(crate) cache: Option<PathBuf>,
}

impl Watch {
    /// Follows the table until `stop` is cancelled, and looks at once when a call asks whether the table is current.
    pub(crate) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            never = self.follow() => match never {},
        }
    }

    async fn follow(&self) -> Infallible {
        // Version 0 asks for the whole table: after a start or a broken watch nobody knows whether the same version is
        // the same table, because the control plane's database may have been replaced.
        let mut known = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let question = self.table.freshness().open_question();
            let first = known == 0;
            let answer = match question {
                _ if first => self.ask(known, false).await,
                Some(_) => self.ask(known, true).await,
                None => tokio::select! {
                    answer = self.ask(known, false) => answer,
                    () = self.table.freshness().asked() => continue,
                },
            };
            let failed = answer.is_err();
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
                }
            }
            // A first answer may be the last table that stands, and not the newest: that one is asked for next.
            if let Some(question) = question.filter(|_| failed || !first) {
                self.table.freshness().answer(question, !failed);
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            if failed {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.table.freshness().asked() => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// The table where it is another than `known`: with `now` at once, else when it changes. To who knows none the
    /// control plane gives the last that it has where the newest is not to be had.
    async fn ask(&self, known: u64, now: bool) -> Result<WatchRoutesResponse, Status> {
        let request = WatchRoutesRequest { after_version: known, now };
        let options =
            CallOptions::timeout(if now || known == 0 { LOOK } else { WATCH }).bearer(self.token.expose());
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
