//! Retry policies: completing them, and what they say about a failure.

use crate::limits::SECOND;
use crate::run::nanos;
use crate::time::Time;
use atoll_api::temporal::api::common::v1::RetryPolicy;
use atoll_api::temporal::api::enums::v1::{RetryState, TimeoutType};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_internal_api::retry_policy;

/// A policy with every unset field at its default.
pub(crate) fn completed(policy: Option<&RetryPolicy>) -> RetryPolicy {
    policy.map_or_else(|| retry_policy::completed(&RetryPolicy::default()), retry_policy::completed)
}

/// A policy as its event shows it, or what is wrong with it, in the original's words.
pub(crate) fn settled(policy: Option<&RetryPolicy>) -> Result<Option<RetryPolicy>, String> {
    policy.map(retry_policy::settled).transpose()
}

/// The pause before the attempt of an activity that follows `attempt`, or why there is none.
///
/// `expires_at` is when retrying ends (0: never): an attempt that would begin later is not made.
pub(crate) fn next_pause(
    policy: &RetryPolicy,
    failure: Option<&Failure>,
    attempt: i32,
    now: Time,
    expires_at: i64,
) -> Result<i64, RetryState> {
    may_retry(policy, failure, attempt)?;
    let pause = match asked_pause(failure) {
        // In the original no pause at all is one that never ends.
        Some(0) => return Err(RetryState::Timeout),
        Some(asked) => asked.max(0),
        None => pause_after(policy, attempt),
    };
    in_time(pause, now, expires_at)
}

/// As `next_pause`, for a workflow: a pause that its failure asks for is held to the policy's longest one, which also
/// stands for a pause that is none.
pub(crate) fn next_run_pause(
    policy: &RetryPolicy,
    failure: &Failure,
    attempt: i32,
    now: Time,
    expires_at: i64,
) -> Result<i64, RetryState> {
    may_retry(policy, Some(failure), attempt)?;
    let maximum = nanos(policy.maximum_interval.as_ref());
    let pause = match asked_pause(Some(failure)) {
        Some(asked) if asked > 0 && (asked <= maximum || maximum == 0) => asked,
        Some(_) if maximum == 0 => return Err(RetryState::Timeout),
        Some(_) => maximum,
        None => pause_after(policy, attempt),
    };
    in_time(pause, now, expires_at)
}

fn may_retry(policy: &RetryPolicy, failure: Option<&Failure>, attempt: i32) -> Result<(), RetryState> {
    if !retryable(policy, failure) {
        return Err(RetryState::NonRetryableFailure);
    }
    if policy.maximum_attempts > 0 && attempt >= policy.maximum_attempts {
        return Err(RetryState::MaximumAttemptsReached);
    }
    Ok(())
}

fn in_time(pause: i64, now: Time, expires_at: i64) -> Result<i64, RetryState> {
    if expires_at != 0 && now.0.saturating_add(pause) > expires_at {
        return Err(RetryState::Timeout);
    }
    Ok(pause)
}

/// The pause that the policy alone makes after an attempt.
pub(crate) fn pause_after(policy: &RetryPolicy, attempt: i32) -> i64 {
    let initial = nanos(policy.initial_interval.as_ref());
    let maximum = nanos(policy.maximum_interval.as_ref());
    let factor = policy.backoff_coefficient.powi(attempt.saturating_sub(1));
    let pause = initial as f64 * factor;
    // A pause without end is no shorter than any other; one that is no number is the longest one, too.
    if pause.is_nan() { maximum } else { maximum.min(pause as i64) }
}

/// A failure may name its own pause.
fn asked_pause(failure: Option<&Failure>) -> Option<i64> {
    match failure?.failure_info.as_ref()? {
        FailureInfo::ApplicationFailureInfo(info) => info.next_retry_delay.as_ref().map(|d| nanos(Some(d))),
        _ => None,
    }
}

fn retryable(policy: &RetryPolicy, failure: Option<&Failure>) -> bool {
    let listed = |kind: &str| policy.non_retryable_error_types.iter().any(|listed| listed == kind);
    match failure.and_then(|failure| failure.failure_info.as_ref()) {
        Some(FailureInfo::TerminatedFailureInfo(_) | FailureInfo::CanceledFailureInfo(_)) => false,
        Some(FailureInfo::TimeoutFailureInfo(info)) => match TimeoutType::try_from(info.timeout_type) {
            Ok(TimeoutType::StartToClose) => !listed("TemporalTimeout:StartToClose"),
            Ok(TimeoutType::Heartbeat) => !listed("TemporalTimeout:Heartbeat"),
            _ => false,
        },
        Some(FailureInfo::ServerFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::ApplicationFailureInfo(info)) => !info.non_retryable && !listed(&info.r#type),
        _ => true,
    }
}

/// Start-to-close time of a workflow task's attempt: from the fourth on a growing pause is added, so that a worker
/// which keeps failing is asked less and less often. The last fifth of the pause is left to the dice.
pub(crate) fn task_timeout(timeout: i64, attempt: i32, dice: u64) -> i64 {
    const FREE_ATTEMPTS: i32 = 3;
    const FIRST_PAUSE: i64 = 5 * SECOND;
    const LONGEST_PAUSE: i64 = 600 * SECOND;
    if attempt <= FREE_ATTEMPTS {
        return timeout;
    }
    let doublings = (attempt - FREE_ATTEMPTS - 1).min(16) as u32;
    let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
    let jitter = pause / 5;
    timeout.saturating_add(pause - jitter + (dice % jitter as u64) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::duration;
    use atoll_api::temporal::api::failure::v1::{
        ApplicationFailureInfo, ServerFailureInfo, TimeoutFailureInfo,
    };

    fn application(info: ApplicationFailureInfo) -> Failure {
        Failure { failure_info: Some(FailureInfo::ApplicationFailureInfo(info)), ..Default::default() }
    }

    #[test]
    fn pauses_grow_to_the_maximum() {
        let policy = completed(None);
        let pauses: Vec<i64> =
            (1..10).map(|n| next_pause(&policy, None, n, Time(0), 0).unwrap() / SECOND).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
    }

    #[test]
    fn why_there_is_no_further_attempt() {
        let policy = RetryPolicy {
            maximum_attempts: 3,
            non_retryable_error_types: vec!["Bad".into()],
            ..completed(None)
        };
        let bad = application(ApplicationFailureInfo { r#type: "Bad".into(), ..Default::default() });
        assert_eq!(next_pause(&policy, Some(&bad), 1, Time(0), 0), Err(RetryState::NonRetryableFailure));
        assert_eq!(next_pause(&policy, None, 3, Time(0), 0), Err(RetryState::MaximumAttemptsReached));
        assert_eq!(next_pause(&policy, None, 2, Time(0), SECOND), Err(RetryState::Timeout));
        let longest = prost_types::Duration { seconds: i64::MAX, nanos: 1 };
        for (delay, pause) in [
            (duration(7 * SECOND), Ok(7 * SECOND)),
            (duration(-SECOND), Ok(0)),
            (duration(0), Err(RetryState::Timeout)),
            (longest, Ok(i64::MAX)),
        ] {
            let asked =
                application(ApplicationFailureInfo { next_retry_delay: Some(delay), ..Default::default() });
            assert_eq!(next_pause(&policy, Some(&asked), 1, Time(0), 0), pause, "{delay:?}");
        }
    }

    #[test]
    fn a_workflow_that_asks_for_no_pause_has_the_longest_one_and_without_that_no_further_attempt() {
        let asked = |delay| {
            let info = ApplicationFailureInfo { next_retry_delay: Some(delay), ..Default::default() };
            application(info)
        };
        let longest = completed(None);
        let none = RetryPolicy { maximum_interval: None, ..longest.clone() };
        let pause = |policy, delay| next_run_pause(policy, &asked(delay), 1, Time(0), 0);
        for delay in [duration(0), duration(-SECOND)] {
            assert_eq!(pause(&longest, delay), Ok(100 * SECOND));
            assert_eq!(pause(&none, delay), Err(RetryState::Timeout));
        }
        assert_eq!(pause(&none, duration(3_600 * SECOND)), Ok(3_600 * SECOND));
    }

    #[test]
    fn a_pause_that_grows_beyond_all_numbers_is_the_longest_one() {
        let policy = RetryPolicy { backoff_coefficient: 10.0, ..completed(None) };
        for attempt in [20, 1_000, i32::MAX] {
            assert_eq!(pause_after(&policy, attempt), 100 * SECOND);
        }
        let first = RetryPolicy { maximum_interval: Some(duration(SECOND)), ..policy };
        assert_eq!(pause_after(&first, 1), SECOND);
    }

    #[test]
    fn which_failures_are_retried() {
        use FailureInfo as Info;
        let timeout = |kind: TimeoutType| {
            Info::TimeoutFailureInfo(TimeoutFailureInfo { timeout_type: kind as i32, ..Default::default() })
        };
        let server = |non_retryable| Info::ServerFailureInfo(ServerFailureInfo { non_retryable });
        let (again, never) = (Ok(SECOND), Err(RetryState::NonRetryableFailure));
        let (start, beat) = ("TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat");
        for (listed, info, expected) in [
            ("", server(true), never),
            ("", server(false), again),
            ("", Info::CanceledFailureInfo(Default::default()), never),
            ("", Info::TerminatedFailureInfo(Default::default()), never),
            ("", timeout(TimeoutType::StartToClose), again),
            (beat, timeout(TimeoutType::StartToClose), again),
            (start, timeout(TimeoutType::StartToClose), never),
            ("", timeout(TimeoutType::Heartbeat), again),
            (start, timeout(TimeoutType::Heartbeat), again),
            (beat, timeout(TimeoutType::Heartbeat), never),
            ("", timeout(TimeoutType::ScheduleToStart), never),
            ("", timeout(TimeoutType::ScheduleToClose), never),
            ("", timeout(TimeoutType::Unspecified), never),
            ("", Info::ApplicationFailureInfo(Default::default()), again),
            ("", Info::ActivityFailureInfo(Default::default()), again),
            ("", Info::ChildWorkflowExecutionFailureInfo(Default::default()), again),
        ] {
            let listed = if listed.is_empty() { Vec::new() } else { vec![listed.to_owned()] };
            let policy = RetryPolicy { non_retryable_error_types: listed, ..completed(None) };
            let failure = Failure { failure_info: Some(info), ..Default::default() };
            let said = next_pause(&policy, Some(&failure), 1, Time(0), 0);
            assert_eq!(said, expected, "{failure:?} by {policy:?}");
        }
        assert_eq!(next_pause(&completed(None), Some(&Failure::default()), 1, Time(0), 0), again);
    }

    #[test]
    fn the_last_moment_that_an_attempt_may_begin_is_when_retrying_ends() {
        let policy = completed(None);
        assert_eq!(next_pause(&policy, None, 1, Time(SECOND), 2 * SECOND), Ok(SECOND));
        assert_eq!(next_pause(&policy, None, 1, Time(SECOND + 1), 2 * SECOND), Err(RetryState::Timeout));
    }

    #[test]
    fn no_pause_of_a_failing_worker_is_longer_than_ten_minutes() {
        for (attempt, least, most) in [
            (10, 266_000_000_000, 275_709_551_615),
            (11, 490_000_000_000, 523_709_551_615),
            (12, 490_000_000_000, 523_709_551_615),
            (40, 490_000_000_000, 523_709_551_615),
        ] {
            assert_eq!(task_timeout(10 * SECOND, attempt, 0), least, "attempt {attempt}");
            assert_eq!(task_timeout(10 * SECOND, attempt, u64::MAX), most, "attempt {attempt}");
        }
    }

    #[test]
    fn a_failing_worker_is_asked_less_often() {
        let seconds =
            |dice| -> Vec<i64> { (1..8).map(|n| task_timeout(10 * SECOND, n, dice) / SECOND).collect() };
        assert_eq!(seconds(0), [10, 10, 10, 14, 18, 26, 42]);
        let shortest: Vec<i64> = (1..30).map(|n| task_timeout(10 * SECOND, n, 0)).collect();
        for dice in [1, 12_345_678_901_234, u64::MAX] {
            for (n, shortest) in (1..30).zip(&shortest) {
                let timeout = task_timeout(10 * SECOND, n, dice);
                let longest = 10 * SECOND + (shortest - 10 * SECOND) / 4 * 5;
                assert!((*shortest..=longest).contains(&timeout), "attempt {n}: {timeout}");
            }
        }
    }
}
