//! How far a call is: what it has waited for a connection counts as none of its time.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

tokio::task_local! {
    /// Of the call that is being done.
    static CALL: Arc<Progress>;
}

/// What is known of a call from outside.
#[derive(Default)]
pub(crate) struct Progress(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Since when it waits; none while it does not.
    waiting: Option<Instant>,
    /// For how long it waited before.
    waited: Duration,
    had_connection: bool,
}

impl Progress {
    /// The call, whose progress this is.
    pub(crate) fn of<C: Future>(self: Arc<Self>, call: C) -> impl Future<Output = C::Output> {
        CALL.scope(self, call)
    }

    /// For how long it has waited until now.
    pub(crate) fn waited(&self) -> Duration {
        let known = self.0.lock();
        known.waited + known.waiting.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether it ever had a connection, or was opening one.
    pub(crate) fn had_connection(&self) -> bool {
        self.0.lock().had_connection
    }
}

fn note(what: impl FnOnce(&mut Known)) {
    // Who has a connection outside of a call has no limit.
    let _ = CALL.try_with(|progress| what(&mut progress.0.lock()));
}

/// The call has a connection.
pub(crate) fn has_connection() {
    note(|known| known.had_connection = true);
}

/// The call waits until this is dropped.
pub(crate) fn waiting() -> Waiting {
    note(|known| known.waiting = Some(Instant::now()));
    Waiting
}

/// See [`waiting`].
pub(crate) struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        note(|known| {
            known.waited += known.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
        });
    }
}
