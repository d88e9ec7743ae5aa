use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activity::{Activity, Patience};
use super::config::ServerConfig;
use super::core::Core;
use super::edge::{Net, forwarded_for};
use super::gather::Gather;
use super::sniff::await_protocol;
use super::streams::Streams;
use crate::quota::{Holder, Quota};
use crate::stall_detector::StallDetector;

/// Largest header block of a request. Tokens and trace headers fit; floods do not.
const MAX_HEADERS: u32 = 64 * 1024;
/// Calls on one connection of a stranger, or of a proxy, that it took back before the server looked at them.
const MAX_TAKEN_BACK: usize = 20_000;
/// Calls on one connection of a stranger, or of a proxy, that the server resets for what came of them.
const MAX_RESETS: usize = 1024;
/// What a peer may send ahead per call and per connection: a whole request without waiting for us.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// The open connections of a server.
pub(super) struct Connections {
    core: Arc<Core>,
    patience: Patience,
    own: Terms,
    proxies: Terms,
    strangers: Terms,
    only_own_peers: bool,
    trusted_peers: Vec<Net>,
    /// Tells peers to go elsewhere.
    leave: CancellationToken,
    tasks: TaskTracker,
    /// Cuts what has not drained in time.
    cut: CancellationToken,
}

/// What a connection is held to.
struct Terms {
    builder: Builder<Streams>,
    /// How long an answer, or where answers end by themselves all that is written, may wait for the peer; without end
    /// where a connection carries the calls of many callers of the cloud's own.
    answer_timeout: Option<Duration>,
    /// What strangers have of connections.
    room: Option<Arc<Quota>>,
}

impl Terms {
    /// Connections that carry the calls of many callers, and end for nothing that becomes of single ones.
    fn own(config: &ServerConfig) -> Self {
        // Calls that were taken back before the server looked at them are no more than one read brings, and end at
        // once.
        let builder = builder(config, Streams::free(), config.max_streams_per_connection, usize::MAX, None);
        Self { builder, answer_timeout: None, room: None }
    }

    /// Connections that carry the calls of many strangers: what one of them leaves lying ends by itself.
    fn proxies(config: &ServerConfig) -> Self {
        let limit = Duration::from_secs(config.answer_timeout_seconds);
        let (streams, most) = (Streams::each_within(limit), config.max_streams_per_connection);
        let builder = builder(config, streams, most, MAX_TAKEN_BACK, Some(MAX_RESETS));
        Self { builder, answer_timeout: Some(limit), room: None }
    }

    fn strangers(config: &ServerConfig) -> Self {
        let most = config.max_streams_per_stranger;
        let builder = builder(config, Streams::free(), most, MAX_TAKEN_BACK, Some(MAX_RESETS));
        let answer_timeout = Some(Duration::from_secs(config.answer_timeout_seconds));
        Self { builder, answer_timeout, room: Some(Quota::new(config.max_connections, "")) }
    }
}

/// How connections are served. `taken_back` and `reset` are how many calls a peer may give up before the server has
/// looked at them, and have the server reset.
fn builder(
    config: &ServerConfig,
    streams: Streams,
    max_streams: u32,
    taken_back: usize,
    reset: Option<usize>,
) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(config.header_timeout_seconds))
        .max_buf_size(MAX_HEADERS as usize)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_streams)
        .max_pending_accept_reset_streams(taken_back)
        .max_local_error_reset_streams(reset)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(Duration::from_secs(config.keepalive_seconds))
        .keep_alive_timeout(Duration::from_secs(config.keepalive_timeout_seconds))
        .auto_date_header(false);
    builder
}

impl Connections {
    pub(super) fn new(config: &ServerConfig, core: Arc<Core>) -> Self {
        let first_call = Duration::from_secs(config.header_timeout_seconds);
        Self {
            core,
            patience: Patience { first_call, idle: Duration::from_secs(config.idle_seconds) },
            own: Terms::own(config),
            proxies: Terms::proxies(config),
            strangers: Terms::strangers(config),
            only_own_peers: config.only_own_peers,
            trusted_peers: config.trusted_peers.clone(),
            leave: CancellationToken::new(),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Serves a connection in a task of its own. `permit` is given back when it closes.
    pub(super) fn spawn(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let is_proxy = !self.only_own_peers && self.trusted_peers.iter().any(|net| net.contains(peer.ip()));
        let terms = match (self.only_own_peers, is_proxy) {
            (true, _) => &self.own,
            (false, true) => &self.proxies,
            (false, false) => &self.strangers,
        };
        let mut place = terms.room.as_ref().map(|room| room.reserve(Holder::at(peer)));
        if place.as_mut().is_some_and(|place| place.resize(1).is_err()) {
            tracing::debug!(%peer, "connection closed: its address has as many as it leaves to others");
            return;
        }
        // Answers are small and must not wait for more.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %peer, "connection lost before it was served");
            return;
        }
        let (core, activity) = (Arc::clone(&self.core), Activity::new());
        let calls = Arc::clone(&activity);
        let stalls = Arc::new(StallDetector::default());
        let answers = Arc::clone(&stalls);
        let service = service_fn(move |request| {
            let (call, answers) = (core.is_call(&request).then(|| calls.begin()), Arc::clone(&answers));
            let caller = if is_proxy { forwarded_for(request.headers(), peer) } else { peer };
            core.serve(request, caller).map(move |response| {
                if let Some(call) = call {
                    call.answered(&response);
                }
                Ok::<_, Infallible>(response.map(|body| match Streams::current() {
                    Some(stream) => body.seen_out(stream),
                    None => body.watched(&answers),
                }))
            })
        });
        let (builder, leave, cut) = (terms.builder.clone(), self.leave.clone(), self.cut.clone());
        let (patience, answer_timeout) = (self.patience, terms.answer_timeout);
        self.tasks.spawn(async move {
            let serving = async {
                let spoken = leave.run_until_cancelled(await_protocol(&stream, patience.first_call));
                if spoken.await != Some(true) {
                    return;
                }
                let stream = TokioIo::new(Gather::new(stream, Arc::clone(&stalls)));
                let connection = builder.serve_connection(stream, service).into_owned();
                let mut connection = pin!(connection);
                let ended = tokio::select! {
                    biased;
                    ended = &mut connection => ended,
                    _ = leave.run_until_cancelled(activity.idle(patience)) => {
                        // Calls that are under way have their answers; the peer makes no new ones here.
                        connection.as_mut().graceful_shutdown();
                        tokio::select! {
                            biased;
                            ended = connection => ended,
                            // Who watches health would never go.
                            () = activity.none_under_way(patience.first_call) => Ok(()),
                        }
                    }
                };
                if let Err(error) = ended {
                    tracing::debug!(error, %peer, "connection ended");
                }
            };
            tokio::select! {
                biased;
                () = serving => {}
                () = cut.cancelled() => {}
                () = left_lying(&stalls, answer_timeout) => {
                    tracing::debug!(%peer, "connection closed: its peer does not take its answers");
                }
            }
            drop((permit, place));
        });
    }

    /// Tells peers to go elsewhere, waits for running calls up to `limit`, then cuts.
    pub(super) async fn drain(self, limit: Duration) {
        self.leave.cancel();
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::info!("calls still running after the drain time were cut");
        }
        self.cut.cancel();
    }
}

/// Returns once an answer has waited too long for its peer, where there is such a time.
async fn left_lying(stalls: &StallDetector, limit: Option<Duration>) {
    match limit {
        Some(limit) => stalls.stuck(limit).await,
        None => std::future::pending().await,
    }
}
