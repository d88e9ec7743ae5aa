//! Repeating calls: what a server cannot take now is sent again, what it refuses ends the run.

use crate::load::Shared;
use atoll_api::call::Method;
use prost::Message;
use std::time::Duration;
use tonic::{Code, Status};

/// Pause before the second attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Attempts of a read: with the pauses between them about ten seconds.
const READ_ATTEMPTS: usize = 15;

/// What a failed call means for the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// The server may take it later.
    Again,
    /// The task is not there any more: somebody else has it.
    Gone,
    /// No repetition helps: wrong key, namespace, or request.
    Refused,
}

impl Verdict {
    fn of(code: Code, answers_task: bool) -> Self {
        match code {
            Code::NotFound if answers_task => Self::Gone,
            Code::NotFound
            | Code::InvalidArgument
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Unimplemented
            | Code::AlreadyExists
            | Code::OutOfRange => Self::Refused,
            _ => Self::Again,
        }
    }
}

impl Shared {
    /// Sends a request until the server has answered it. `None` when the task is gone, when the server refuses (the run then
    /// fails), or when the load has ended.
    pub(crate) async fn insist<Req, Resp>(
        &self,
        lane: usize,
        method: &Method<Req, Resp>,
        request: &Req,
        timeout: Duration,
    ) -> Option<Resp>
    where
        Req: Message,
        Resp: Message + Default,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let status = tokio::select! {
                answer = self.client.call(lane, method, request, timeout) => match answer {
                    Ok(answer) => return Some(answer),
                    Err(status) => status,
                },
                () = self.stop.cancelled() => return None,
            };
            let name = method.info().name;
            self.count_error(name, &status);
            match Verdict::of(status.code(), name.starts_with("Respond")) {
                Verdict::Again => {}
                Verdict::Gone => return None,
                Verdict::Refused => {
                    self.fail(refusal(name, &status));
                    return None;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return None,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Sends a read again as long as the server may take it later, also after the load has ended. `None` when it refuses, or
    /// has not answered after all attempts.
    pub(crate) async fn read<Req, Resp>(
        &self,
        method: &Method<Req, Resp>,
        request: &Req,
        timeout: Duration,
    ) -> Option<Resp>
    where
        Req: Message,
        Resp: Message + Default,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 0..READ_ATTEMPTS {
            let status = match self.client.call(0, method, request, timeout).await {
                Ok(answer) => return Some(answer),
                Err(status) => status,
            };
            self.count_error(method.info().name, &status);
            if Verdict::of(status.code(), false) != Verdict::Again {
                return None;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        None
    }
}

/// A failed call, as errors and reports name it.
pub(crate) fn refusal(method: &str, status: &Status) -> String {
    format!("{method}: {:?}: {}", status.code(), status.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_repeated() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted, Code::Internal] {
            assert_eq!(Verdict::of(code, false), Verdict::Again, "{code:?}");
        }
        for code in [Code::Unauthenticated, Code::PermissionDenied, Code::InvalidArgument, Code::NotFound] {
            assert_eq!(Verdict::of(code, false), Verdict::Refused, "{code:?}");
        }
        assert_eq!(Verdict::of(Code::NotFound, true), Verdict::Gone);
    }
}
