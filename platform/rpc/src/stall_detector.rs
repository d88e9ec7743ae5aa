//! Answers on their way out of one connection, or of one call: a peer that does not take them is not served for ever.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::task::{Context, Poll};
use std::time::Duration;

use atoll_api::call::Bytes;
use futures::task::AtomicWaker;

/// Pieces of answers of one connection, or of one call, that the system has not taken yet, and whether it takes
/// anything. Costs each a few atomic operations on memory of its own, and no clock.
#[derive(Default)]
pub(crate) struct StallDetector {
    /// How many came in turns of even and of odd number and are still here.
    here: [AtomicUsize; 2],
    /// The turn after that in which the system took nothing any more; 0 while it takes what is written.
    blocked: AtomicUsize,
    turn: AtomicUsize,
    /// Who waits until nothing is here.
    awaited: AtomicWaker,
}

impl StallDetector {
    /// The same bytes, which are here until the last that refers to them is dropped: once they are written, or given up
    /// with their stream.
    pub(crate) fn watch(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let turn = self.turn.load(Relaxed);
        self.here[turn % 2].fetch_add(1, Relaxed);
        Bytes::from_owner(Piece { bytes, stalls: Arc::clone(self), turn })
    }

    /// Ready once nothing is here. One task waits at a time.
    pub(crate) fn poll_clear(&self, cx: &Context<'_>) -> Poll<()> {
        let is_clear = || self.here.iter().all(|here| here.load(SeqCst) == 0);
        if !is_clear() {
            self.awaited.register(cx.waker());
            if !is_clear() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// The system has no room for what is to be written: heads, trailers and resets wait too, which are no pieces.
    pub(crate) fn blocked(&self) {
        if self.blocked.load(Relaxed) == 0 {
            self.blocked.store(self.turn.load(Relaxed) + 1, Relaxed);
        }
    }

    /// The system has taken something.
    pub(crate) fn moved(&self) {
        if self.blocked.load(Relaxed) > 0 {
            self.blocked.store(0, Relaxed);
        }
    }

    /// Returns once something has been here, or nothing could be written, for `limit` at least, and for twice that at
    /// most.
    pub(crate) async fn stuck(&self, limit: Duration) {
        loop {
            tokio::time::sleep(limit).await;
            let turn = self.turn.load(Relaxed);
            // What is from the turn before has been so for all of this one.
            let blocked = (1..=turn).contains(&self.blocked.load(Relaxed));
            if blocked || self.here[(turn + 1) % 2].load(Relaxed) > 0 {
                return;
            }
            self.turn.store(turn + 1, Relaxed);
        }
    }
}

struct Piece {
    bytes: Bytes,
    stalls: Arc<StallDetector>,
    turn: usize,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.stalls.here[self.turn % 2].fetch_sub(1, SeqCst);
        self.stalls.awaited.wake();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_does_not_leave_in_time_is_noticed() {
        let stalls = Arc::new(StallDetector::default());
        let begun = Instant::now();
        let piece = stalls.watch(Bytes::from_static(b"answer"));
        assert_eq!(piece, "answer");
        stalls.stuck(LIMIT).await;
        assert!((60..=120).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn who_waits_hears_when_the_last_piece_has_left() {
        let stalls = Arc::new(StallDetector::default());
        let clear = |stalls: Arc<StallDetector>| async move {
            std::future::poll_fn(|cx| stalls.poll_clear(cx)).await;
        };
        clear(Arc::clone(&stalls)).await;
        let pieces = [&b"one"[..], b"two"].map(|piece| stalls.watch(Bytes::from_static(piece)));
        let waiting = tokio::spawn(clear(Arc::clone(&stalls)));
        for piece in pieces {
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            drop(piece);
        }
        timeout(LIMIT, waiting).await.expect("never woken").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_takes_nothing_is_noticed_whatever_waits() {
        let stalls = Arc::new(StallDetector::default());
        let begun = Instant::now();
        stalls.blocked();
        let tried_again = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stalls.blocked();
            }
        };
        tokio::select! {
            biased;
            () = stalls.stuck(LIMIT) => {}
            () = tried_again => {}
        }
        assert!((60..=120).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        stalls.moved();
        let slow = async {
            loop {
                stalls.blocked();
                tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
                stalls.moved();
            }
        };
        let stuck = async {
            tokio::select! {
                biased;
                () = stalls.stuck(LIMIT) => {}
                () = slow => {}
            }
        };
        assert!(timeout(100 * LIMIT, stuck).await.is_err(), "a slow peer is not one that takes nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_always_has_something_to_send_is_not_stuck() {
        let stalls = Arc::new(StallDetector::default());
        let busy = async {
            loop {
                let piece = stalls.watch(Bytes::from_static(b"answer"));
                tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
                drop(piece);
            }
        };
        let stuck = async {
            tokio::select! {
                biased;
                () = stalls.stuck(LIMIT) => {}
                () = busy => {}
            }
        };
        assert!(timeout(100 * LIMIT, stuck).await.is_err());
    }
}
