//! When a long poll must answer, so that its caller sees an empty answer and never a missed deadline.

use atoll_api::call::{CallContext, Status};
use std::time::{Duration, Instant};

/// The shortest deadline that a task poll may have.
const MINIMUM: Duration = Duration::from_secs(2);
/// A task poll answers this long before its deadline at least.
const MARGIN_MIN: Duration = Duration::from_secs(1);
/// ... and at most.
const MARGIN_MAX: Duration = Duration::from_secs(2);
/// A waiting history read answers this long before its deadline.
const HISTORY_MARGIN: Duration = Duration::from_secs(1);
/// A query waits this long where its caller names no deadline.
const QUERY_DEFAULT: Duration = Duration::from_secs(10);
/// ... and at most, whatever the caller would wait: it holds its arguments meanwhile. As long as a poll.
const QUERY_LONGEST: Duration = Duration::from_secs(60);
/// A query's answer leaves this long before the deadline.
const QUERY_MARGIN: Duration = Duration::from_millis(100);

/// The runtime's clock, by which waiting is measured.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// When a poll for tasks answers empty. `longest` is its limit whatever the caller would wait.
pub(crate) fn task_poll_deadline(ctx: &CallContext, longest: Duration) -> Result<Instant, Status> {
    let remaining =
        ctx.remaining(now()).ok_or_else(|| Status::invalid_argument("Context timeout is not set."))?;
    if remaining < MINIMUM {
        return Err(Status::failed_precondition("Context timeout is too short."));
    }
    let margin = (remaining * 2 / 5).clamp(MARGIN_MIN, MARGIN_MAX);
    Ok(now() + (remaining - margin).min(longest))
}

/// When a history read that waits for new events answers empty. A short deadline means at once.
pub(crate) fn history_deadline(ctx: &CallContext, longest: Duration) -> Instant {
    let wait = ctx.remaining(now()).map_or(longest, |remaining| remaining.saturating_sub(HISTORY_MARGIN));
    now() + wait.min(longest)
}

/// Until when a query waits for its answer.
pub(crate) fn query_deadline(ctx: &CallContext) -> Instant {
    let wait = ctx.remaining(now()).map_or(QUERY_DEFAULT, |remaining| remaining.saturating_sub(QUERY_MARGIN));
    now() + wait.min(QUERY_LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::call::Code;

    const MINUTE: Duration = Duration::from_secs(60);

    fn context(milliseconds: u64) -> CallContext {
        let mut ctx = CallContext::unknown("/s/m");
        ctx.deadline = Some(now() + Duration::from_millis(milliseconds));
        ctx
    }

    /// Whole tenths of a second from now.
    fn tenths(at: Instant) -> u128 {
        (at.saturating_duration_since(now()) + Duration::from_millis(50)).as_millis() / 100
    }

    #[test]
    fn task_polls_answer_as_early_as_the_original() {
        for (deadline, wait) in [(2_500, 15), (5_000, 30), (30_000, 280), (70_000, 600)] {
            let until = task_poll_deadline(&context(deadline), MINUTE).unwrap();
            assert_eq!(tenths(until), wait, "{deadline} ms");
        }
    }

    #[test]
    fn task_polls_need_a_deadline_of_two_seconds() {
        let short = task_poll_deadline(&context(1_900), MINUTE).unwrap_err();
        assert_eq!(
            (short.code, &*short.message),
            (Code::FailedPrecondition, "Context timeout is too short.")
        );
        let none = task_poll_deadline(&CallContext::unknown("/s/m"), MINUTE).unwrap_err();
        assert_eq!(none.code, Code::InvalidArgument);
    }

    #[test]
    fn a_query_waits_a_minute_at_most() {
        for (deadline, wait) in [(50, 0), (5_000, 49), (60_000, 599), (3_600_000, 600)] {
            assert_eq!(tenths(query_deadline(&context(deadline))), wait, "{deadline} ms");
        }
        assert_eq!(tenths(query_deadline(&CallContext::unknown("/s/m"))), 100);
    }

    #[test]
    fn history_waits_twenty_seconds_or_less() {
        let longest = Duration::from_secs(20);
        for (deadline, wait) in [(500, 0), (1_500, 5), (5_000, 40), (90_000, 200)] {
            assert_eq!(tenths(history_deadline(&context(deadline), longest)), wait, "{deadline} ms");
        }
        assert_eq!(tenths(history_deadline(&CallContext::unknown("/s/m"), longest)), 200);
    }
}
