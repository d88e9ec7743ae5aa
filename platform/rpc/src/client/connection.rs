use std::time::Duration;

use atoll_api::call::{Bytes, Status};
use futures::FutureExt;
use futures::future::BoxFuture;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong};
use tokio::net::TcpStream;

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between pings, and how long an answer may take: a peer that vanished is noticed within 40 s.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// What the server may send ahead per call and per connection.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Calls that are sent before the server has said how many it allows.
const INITIAL_STREAMS: usize = 100;

/// Connects and leaves a task that drives the connection until it ends.
pub(super) fn connect(authority: &str) -> BoxFuture<'_, Result<SendRequest<Bytes>, Status>> {
    async move {
        let unavailable =
            |reason: String| Status::unavailable(format!("cannot connect to {authority}: {reason}"));
        let connecting = async {
            let stream = TcpStream::connect(authority).await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            Builder::new()
                .initial_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .initial_max_send_streams(INITIAL_STREAMS)
                .enable_push(false)
                // Answers to calls that were given up meanwhile are no fault of the server's, however many they are.
                .max_local_error_reset_streams(None)
                .handshake(stream)
                .await
                .map_err(|error| error.to_string())
        };
        let (sender, mut connection) = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| unavailable("timed out".to_owned()))?
            .map_err(unavailable)?;
        let pings = connection.ping_pong().expect("taken once");
        tokio::spawn(async move {
            tokio::select! {
                biased;
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended");
                },
                () = watch(pings) => tracing::debug!("connection no longer answers pings"),
            }
        });
        Ok(sender)
    }
    .boxed()
}

/// Pings until an answer stays out.
async fn watch(mut pings: PingPong) {
    loop {
        tokio::time::sleep(PING_INTERVAL).await;
        match tokio::time::timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
