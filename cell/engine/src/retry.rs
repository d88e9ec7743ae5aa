//! Retry policies: completing them, and what they say about a failure.

use crate::limits::SECOND;
use crate::run::{duration, nanos};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::RetryPolicy;
use atoll_api::temporal::api::enums::v1::{RetryState, TimeoutType};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;

/// Largest interval when a policy names none: this many initial ones.
const MAXIMUM_INTERVALS: i64 = 100;

/// A policy with every unset field at its default.
pub(crate) fn completed(policy: Option<&RetryPolicy>) -> RetryPolicy {
    let mut policy = policy.cloned().unwrap_or_default();
    if nanos(policy.initial_interval.as_ref()) == 0 {
        policy.initial_interval = Some(duration(SECOND));
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = 2.0;
    }
    if nanos(policy.maximum_interval.as_ref()) == 0 {
        let initial = nanos(policy.initial_interval.as_ref());
        policy.maximum_interval = Some(duration(initial.saturating_mul(MAXIMUM_INTERVALS)));
    }
    policy
}

/// What is wrong with a policy, in the original's words.
pub(crate) fn check(policy: Option<&RetryPolicy>) -> Result<(), String> {
    let Some(policy) = policy else { return Ok(()) };
    let (initial, maximum) =
        (nanos(policy.initial_interval.as_ref()), nanos(policy.maximum_interval.as_ref()));
    let wrong = if policy.maximum_attempts == 1 {
        // One attempt is no retry: the intervals mean nothing.
        return Ok(());
    } else if initial < 0 {
        "invalid InitialInterval set on retry policy: negative duration"
    } else if policy.backoff_coefficient != 0.0 && policy.backoff_coefficient < 1.0 {
        "BackoffCoefficient cannot be less than 1 on retry policy."
    } else if maximum < 0 {
        "invalid MaximumInterval set on retry policy: negative duration"
    } else if maximum > 0 && maximum < initial {
        "MaximumInterval cannot be less than InitialInterval on retry policy."
    } else if policy.maximum_attempts < 0 {
        "MaximumAttempts cannot be negative on retry policy."
    } else {
        return Ok(());
    };
    Err(wrong.to_owned())
}

/// The pause before the attempt that follows `attempt`, or why there is none.
///
/// `expires_at` is when retrying ends (0: never): an attempt that would begin later is not made.
pub(crate) fn next_pause(
    policy: &RetryPolicy,
    failure: Option<&Failure>,
    attempt: i32,
    now: Time,
    expires_at: i64,
) -> Result<i64, RetryState> {
    if !retryable(policy, failure) {
        return Err(RetryState::NonRetryableFailure);
    }
    if policy.maximum_attempts > 0 && attempt >= policy.maximum_attempts {
        return Err(RetryState::MaximumAttemptsReached);
    }
    let pause = asked_pause(failure).unwrap_or_else(|| pause_after(policy, attempt));
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
    if pause.is_finite() && pause < maximum as f64 { pause as i64 } else { maximum }
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
    use atoll_api::temporal::api::failure::v1::ApplicationFailureInfo;

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
        let asked = application(ApplicationFailureInfo {
            next_retry_delay: Some(duration(7 * SECOND)),
            ..Default::default()
        });
        assert_eq!(next_pause(&policy, Some(&asked), 1, Time(0), 0), Ok(7 * SECOND));
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
