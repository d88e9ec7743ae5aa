//! Workers: they poll, decide by script, answer, and sometimes never do.

mod activities;
mod workflows;

pub(crate) use activities::activity_worker;
pub(crate) use workflows::workflow_worker;

use crate::calls::{Caller, is_passing};
use atoll_api::call::{Method, Status};
use prost::Message;
use std::time::Duration;

/// How long a poll waits.
pub(crate) const POLL: Duration = Duration::from_secs(30);
/// A worker whose poll failed polls again after this.
const PAUSE: Duration = Duration::from_millis(500);
/// How often an answer is repeated that found the cell in trouble.
const TRIES: usize = 5;

/// One poll; `None` where the worker went away in the middle of it.
async fn poll<Q: Message, A: Message + Default>(
    caller: &Caller,
    method: Method<Q, A>,
    request: &Q,
    patience: Duration,
    leaves: f64,
) -> Option<Result<A, Status>> {
    tokio::select! {
        biased;
        answer = caller.call(method, request, patience) => Some(answer),
        () = caller.world.leaves(leaves) => {
            caller.world.note(format_args!("{}: left", method.info().name));
            caller.ledger.lock().count("poll left");
            None
        }
    }
}

/// Answers a task, again where the cell was in trouble; how that ended. Of a `repeats`-th of answers every one is given
/// twice.
async fn answer<Q: Message, A: Message + Default>(
    caller: &Caller,
    method: Method<Q, A>,
    request: &Q,
    repeats: f64,
    mut ended: impl FnMut(&Result<A, Status>),
) {
    let twice = caller.world.chance(repeats);
    if twice {
        caller.ledger.lock().count("answer given twice");
    }
    for _ in 0..=usize::from(twice) {
        for _ in 0..TRIES {
            match caller.call(method, request, POLL).await {
                Err(status) if is_passing(&status) => tokio::time::sleep(PAUSE).await,
                outcome => {
                    ended(&outcome);
                    break;
                }
            }
        }
    }
}
