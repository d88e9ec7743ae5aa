//! What a connection is used for, so that one of no use can be closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use crate::grpc::is_failure;

/// How long a connection may be of no use.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Until its first call that has an answer other than a failure.
    pub(super) first_call: Duration,
    /// Without a call, after that.
    pub(super) idle: Duration,
}

/// The calls of one connection. Costs a call a few atomic operations on memory of its own connection.
pub(super) struct Activity {
    opened: Instant,
    under_way: AtomicUsize,
    /// Milliseconds after `opened` at which the last call ended that did not fail; 0 before the first.
    last_used: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            under_way: AtomicUsize::new(0),
            last_used: AtomicU64::new(0),
        })
    }

    /// A call has begun.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Returns once the connection has been of no use for too long.
    pub(super) async fn idle(&self, patience: Patience) {
        loop {
            let last_used = self.last_used.load(Relaxed);
            let limit = if last_used == 0 { patience.first_call } else { patience.idle };
            let ends = self.opened + Duration::from_millis(last_used) + limit;
            if Instant::now() < ends {
                tokio::time::sleep_until(ends).await;
            } else if self.under_way.load(Relaxed) > 0
                && (last_used > 0 || self.opened.elapsed() < patience.idle)
            {
                // Long polls are of use, however long. What is never answered but with failures is not.
                tokio::time::sleep(limit).await;
            } else {
                return;
            }
        }
    }

    /// Returns once no call is under way, looking each time that so much has passed.
    pub(super) async fn none_under_way(&self, each: Duration) {
        loop {
            tokio::time::sleep(each).await;
            if self.under_way.load(Relaxed) == 0 {
                return;
            }
        }
    }
}

/// A call of a connection; it is over when this is dropped.
pub(super) struct UnderWay(Arc<Activity>);

impl UnderWay {
    /// The call has its answer. Whom it is refused to, and who asks in vain, has shown no use: a gateway knows nobody
    /// itself.
    pub(super) fn answered<B>(self, response: &Response<B>) {
        if response.status().is_success() && !is_failure(response.headers()) {
            let elapsed = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.0.last_used.store(elapsed.max(1), Relaxed);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PATIENCE: Patience =
        Patience { first_call: Duration::from_secs(30), idle: Duration::from_secs(300) };

    fn answer(grpc_status: &'static str) -> Response<()> {
        let mut response = Response::new(());
        response.headers_mut().insert("grpc-status", HeaderValue::from_static(grpc_status));
        response
    }

    /// Seconds until the connection is closed.
    async fn seconds(activity: &Activity) -> u64 {
        activity.idle(PATIENCE).await;
        activity.opened.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_call_of_somebody_known_is_closed_early() {
        assert_eq!(seconds(&Activity::new()).await, 30);
        let refused = Activity::new();
        tokio::time::advance(Duration::from_secs(20)).await;
        for failure in ["16", "3", "12"] {
            refused.begin().answered(&answer(failure));
        }
        refused.begin().answered(&Response::builder().status(404).body(()).unwrap());
        assert_eq!(seconds(&refused).await, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_succeeds_is_closed_whatever_is_under_way() {
        let activity = Activity::new();
        let under_way = activity.begin();
        assert_eq!(seconds(&activity).await, 300);
        let gone = tokio::time::timeout(PATIENCE.idle, activity.none_under_way(PATIENCE.first_call));
        assert!(gone.await.is_err(), "it goes on to its end");
        drop(under_way);
        activity.none_under_way(PATIENCE.first_call).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_connection_is_closed_long_after_its_last_call() {
        let activity = Activity::new();
        tokio::time::advance(Duration::from_secs(20)).await;
        activity.begin().answered(&Response::new(()));
        assert_eq!(seconds(&activity).await, 320);
        let waiting = Activity::new();
        waiting.begin().answered(&Response::new(()));
        let poll = waiting.begin();
        let closed = tokio::time::timeout(Duration::from_secs(10_000), waiting.idle(PATIENCE));
        assert!(closed.await.is_err(), "somebody waits on it");
        poll.answered(&answer("0"));
        assert!(seconds(&waiting).await >= 10_300);
    }
}
