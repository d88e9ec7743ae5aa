//! The turn of a call at what takes long of its request: it is unpacked and weighed in slices, and few calls at a time
//! have theirs, so that however many come at once a small call waits for a few slices at most.

use std::time::Duration;

use atoll_api::call::Status;

use crate::quota::Holder;
use crate::turns::{Place, Turn, TurnLimits, Turns};

/// Calls that have their slices in turn, one of each caller. What waits holds its bytes meanwhile, which are bounded as
/// those of all requests: each weighs one.
const LIMITS: TurnLimits = TurnLimits { at_once: 4, of_one_at_once: 1, of_one: 10_000, in_all: 40_000 };

/// How long a call waits for its turn.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Turns of all calls of a server.
pub(crate) struct LargeRequests(Turns<Holder>);

impl LargeRequests {
    pub(crate) fn new() -> Self {
        Self(Turns::new(LIMITS))
    }

    /// A call that may be one.
    pub(crate) fn of(&self, caller: Holder) -> Slices<'_> {
        Slices { turns: &self.0, caller: caller.widest(), turn: None }
    }
}

/// Slices of one call. The first costs nothing: what is done with it was small.
pub(crate) struct Slices<'t> {
    turns: &'t Turns<Holder>,
    caller: Holder,
    turn: Option<(Place<Holder>, Turn)>,
}

impl Slices<'_> {
    /// Lets others go on before the next slice. Waits for the call's turn behind the first, and keeps it until this is
    /// dropped; refuses where too many wait, or for too long.
    pub(crate) async fn next(&mut self) -> Result<(), Status> {
        if self.turn.is_none() {
            let busy =
                || Status::resource_exhausted("too many large requests wait to be looked at: try again");
            let place = self.turns.enter(self.caller, 1).ok_or_else(busy)?;
            let turn = tokio::time::timeout(LONGEST_WAIT, place.turn()).await.map_err(|_| busy())?;
            self.turn = Some((place, turn));
        }
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::call::{CallContext, Code};

    use super::*;

    fn caller(peer: &str) -> Holder {
        let mut ctx = CallContext::unknown("/s/m");
        ctx.peer = Some(peer.parse().unwrap());
        Holder::of(&ctx)
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_of_a_caller_has_its_slices_at_a_time() {
        let requests = LargeRequests::new();
        let (one, other) = (caller("10.0.0.1:1"), caller("10.0.0.2:1"));
        let mut first = requests.of(one);
        first.next().await.unwrap();
        requests.of(other).next().await.unwrap();
        let begun = tokio::time::Instant::now();
        let refused = requests.of(one).next().await.unwrap_err();
        assert_eq!((refused.code, begun.elapsed() >= LONGEST_WAIT), (Code::ResourceExhausted, true));
        drop(first);
        requests.of(one).next().await.unwrap();
    }
}
