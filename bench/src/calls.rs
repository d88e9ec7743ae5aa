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
    /// Sends a request until the server has answered it. `None` when the task is gone, when the server refuses (the run
    /// then fails), or when the load has ended.
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
        let outcome = tokio::select! {
            outcome = self.repeat(lane, method, request, timeout, usize::MAX) => outcome,
            () = self.stop.cancelled() => return None,
        };
        outcome
            .inspect_err(|(verdict, status)| {
                if *verdict == Verdict::Refused {
                    self.fail(refusal(method.info().name, status));
                }
            })
            .ok()
    }

    /// As [`insist`](Self::insist), of a read, also after the load has ended. `None` when the server refuses, or has
    /// not answered after all attempts.
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
        self.repeat(0, method, request, timeout, READ_ATTEMPTS).await.ok()
    }

    /// Sends a request again as long as the server may take it later. The error is the last one.
    async fn repeat<Req, Resp>(
        &self,
        lane: usize,
        method: &Method<Req, Resp>,
        request: &Req,
        timeout: Duration,
        attempts: usize,
    ) -> Result<Resp, (Verdict, Status)>
    where
        Req: Message,
        Resp: Message + Default,
    {
        let name = method.info().name;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let status = match self.client.call(lane, method, request, timeout).await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            self.count_error(name, &status);
            let verdict = Verdict::of(status.code(), name.starts_with("Respond"));
            if verdict != Verdict::Again || attempt >= attempts {
                return Err((verdict, status));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
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
