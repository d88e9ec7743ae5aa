use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;

use crate::stall_detector::StallDetector;

tokio::task_local! {
    /// What the stream's answer has not had taken of it.
    static ANSWER: Arc<StallDetector>;
}

/// Runs the streams of an HTTP/2 connection, each in a task of its own. One that is held to a time is dropped when its
/// answer is left lying for that: its peer is told that it is reset, what waits of the answer goes, and the others of
/// the connection go on.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    answer_timeout: Option<Duration>,
}

impl Streams {
    /// Streams without such a time.
    pub(super) fn free() -> Self {
        Self { answer_timeout: None }
    }

    /// Streams whose answers wait for so long, and for twice that at most.
    pub(super) fn each_within(answer_timeout: Duration) -> Self {
        Self { answer_timeout: Some(answer_timeout) }
    }

    /// Sees the answer of this stream out, where it is held to a time.
    pub(super) fn current() -> Option<Arc<StallDetector>> {
        ANSWER.try_with(Arc::clone).ok()
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let Some(limit) = self.answer_timeout else {
            tokio::spawn(stream);
            return;
        };
        tokio::spawn(async move {
            let answer = Arc::new(StallDetector::default());
            let stream = ANSWER.scope(Arc::clone(&answer), stream);
            tokio::select! {
                biased;
                _ = stream => {}
                () = answer.stuck(limit) => tracing::debug!("call reset: its answer is left lying"),
            }
        });
    }
}
