//! Retry policies as clients send them: completed and checked, in the original's words.

use crate::duration::{checked, from_nanos, nanos, shown};
use atoll_api::temporal::api::common::v1::RetryPolicy;

/// First interval where the policy names none, nanoseconds.
const INITIAL_NANOS: i64 = 1_000_000_000;
/// Coefficient where the policy names none.
const COEFFICIENT: f64 = 2.0;
/// The longest interval is this many first ones where the policy names none.
const MAXIMUM_FACTOR: i64 = 100;
/// Bytes of all error types that are not retried: two thousand of them, each of thirty. The original knows no such
/// limit.
const ERROR_TYPES_BYTES: usize = 64 << 10;
/// Timeouts among the error types that are not retried begin with this.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";
const TIMEOUT_TYPES: [&str; 4] = ["StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat"];

/// A policy with every unset field at its default.
pub fn completed(policy: &RetryPolicy) -> RetryPolicy {
    let mut policy = policy.clone();
    if nanos(policy.initial_interval.as_ref()) == 0 {
        policy.initial_interval = Some(from_nanos(INITIAL_NANOS));
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = COEFFICIENT;
    }
    if nanos(policy.maximum_interval.as_ref()) == 0 {
        let initial = nanos(policy.initial_interval.as_ref());
        policy.maximum_interval = Some(from_nanos(initial.saturating_mul(MAXIMUM_FACTOR)));
    }
    policy
}

/// A policy, completed, if it is good; else what is wrong with it.
pub fn settled(given: &RetryPolicy) -> Result<RetryPolicy, String> {
    let types: usize = given.non_retryable_error_types.iter().map(String::len).sum();
    if types > ERROR_TYPES_BYTES {
        return Err(format!("NonRetryableErrorTypes exceed {ERROR_TYPES_BYTES} bytes on retry policy."));
    }
    let mut policy = completed(given);
    // One attempt only: nothing is ever retried, whatever the rest says. It is shown all the same.
    if policy.maximum_attempts == 1 {
        policy.initial_interval = policy.initial_interval.map(shown);
        policy.maximum_interval = policy.maximum_interval.map(shown);
        return Ok(policy);
    }
    let interval = |name: &str, cause| format!("invalid {name} set on retry policy: {cause}");
    policy.initial_interval =
        checked(policy.initial_interval.as_ref()).map_err(|cause| interval("InitialInterval", cause))?;
    if policy.backoff_coefficient.is_nan() || policy.backoff_coefficient < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".to_owned());
    }
    // In the original a multiple that no number holds is negative.
    let first = nanos(given.initial_interval.as_ref());
    let derived = nanos(given.maximum_interval.as_ref()) == 0;
    if derived && first.checked_mul(MAXIMUM_FACTOR).is_none() {
        return Err(interval("MaximumInterval", "negative duration"));
    }
    policy.maximum_interval =
        checked(policy.maximum_interval.as_ref()).map_err(|cause| interval("MaximumInterval", cause))?;
    if nanos(policy.maximum_interval.as_ref()) < nanos(policy.initial_interval.as_ref()) {
        return Err("MaximumInterval cannot be less than InitialInterval on retry policy.".to_owned());
    }
    if policy.maximum_attempts < 0 {
        return Err("MaximumAttempts cannot be negative on retry policy.".to_owned());
    }
    let timeouts = policy.non_retryable_error_types.iter().filter_map(|it| it.strip_prefix(TIMEOUT_PREFIX));
    match timeouts.into_iter().find(|timeout| !TIMEOUT_TYPES.contains(timeout)) {
        Some(timeout) => Err(format!("Invalid timeout type value: {timeout}.")),
        None => Ok(policy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::Duration;

    const fn seconds(seconds: i64) -> Option<Duration> {
        Some(Duration { seconds, nanos: 0 })
    }

    #[test]
    fn error_types_have_a_limit_in_bytes_also_where_nothing_is_retried() {
        for maximum_attempts in [0, 1] {
            let with = |lengths: [usize; 2]| RetryPolicy {
                non_retryable_error_types: lengths.map(|length| "e".repeat(length)).to_vec(),
                maximum_attempts,
                ..RetryPolicy::default()
            };
            assert!(settled(&with([ERROR_TYPES_BYTES, 0])).is_ok());
            let refused = settled(&with([ERROR_TYPES_BYTES, 1])).unwrap_err();
            assert_eq!(refused, "NonRetryableErrorTypes exceed 65536 bytes on retry policy.");
        }
    }

    #[test]
    fn an_empty_policy_is_completed() {
        let policy = RetryPolicy { initial_interval: seconds(3), ..RetryPolicy::default() };
        let policy = settled(&policy).expect("good");
        assert_eq!(policy.maximum_interval, seconds(300));
        assert_eq!((policy.backoff_coefficient, policy.maximum_attempts), (2.0, 0));
    }

    #[test]
    fn the_original_refuses_these() {
        let base = RetryPolicy::default;
        let too_short = "MaximumInterval cannot be less than InitialInterval on retry policy.";
        let cases = [
            (
                RetryPolicy { initial_interval: seconds(-1), ..base() },
                "invalid InitialInterval set on retry policy: negative duration",
            ),
            (
                RetryPolicy { initial_interval: Some(Duration { seconds: 1, nanos: -1 }), ..base() },
                "invalid InitialInterval set on retry policy: duration has seconds and nanos with different signs",
            ),
            (
                RetryPolicy { initial_interval: seconds(i64::MAX), ..base() },
                "invalid MaximumInterval set on retry policy: negative duration",
            ),
            (
                RetryPolicy { maximum_interval: seconds(-1), ..base() },
                "invalid MaximumInterval set on retry policy: negative duration",
            ),
            (RetryPolicy { initial_interval: seconds(5), maximum_interval: seconds(1), ..base() }, too_short),
            (RetryPolicy { maximum_interval: Some(Duration { seconds: 0, nanos: 1 }), ..base() }, too_short),
            (
                RetryPolicy { backoff_coefficient: 0.5, ..base() },
                "BackoffCoefficient cannot be less than 1 on retry policy.",
            ),
            (
                RetryPolicy { backoff_coefficient: f64::NAN, ..base() },
                "BackoffCoefficient cannot be less than 1 on retry policy.",
            ),
            (
                RetryPolicy { maximum_attempts: -1, ..base() },
                "MaximumAttempts cannot be negative on retry policy.",
            ),
            (
                RetryPolicy { non_retryable_error_types: vec!["TemporalTimeout:Foo".to_owned()], ..base() },
                "Invalid timeout type value: Foo.",
            ),
        ];
        for (policy, message) in cases {
            assert_eq!(settled(&policy), Err(message.to_owned()), "{policy:?}");
        }
    }

    #[test]
    fn of_one_attempt_any_interval_is_taken_as_it_can_be_shown() {
        const MOST: i64 = 315_576_000_000;
        for ((first, last), expected) in [
            (((i64::MIN, 0), (1, 2_000_000_000)), (-MOST, 3)),
            (((-1, 0), (i64::MAX, i32::MAX)), (-1, MOST)),
            (((-1, 0), (0, 0)), (-1, -100)),
        ] {
            let interval = |(seconds, nanos)| Some(Duration { seconds, nanos });
            let policy = RetryPolicy {
                initial_interval: interval(first),
                maximum_interval: interval(last),
                maximum_attempts: 1,
                ..RetryPolicy::default()
            };
            let policy = settled(&policy).expect("taken");
            let kept = (policy.initial_interval, policy.maximum_interval);
            assert_eq!(kept, (seconds(expected.0), seconds(expected.1)));
        }
    }

    #[test]
    fn the_original_accepts_these() {
        let base = RetryPolicy::default;
        let longest = seconds(crate::duration::LONGEST_SECONDS);
        for (policy, maximum) in [
            (RetryPolicy { maximum_attempts: 1, backoff_coefficient: 0.5, ..base() }, seconds(100)),
            (
                RetryPolicy {
                    non_retryable_error_types: vec![
                        "TemporalTimeout:Heartbeat".to_owned(),
                        "Mine".to_owned(),
                    ],
                    ..base()
                },
                seconds(100),
            ),
            (RetryPolicy { maximum_interval: seconds(i64::MAX), ..base() }, longest),
            (
                RetryPolicy {
                    initial_interval: seconds(i64::MAX),
                    maximum_interval: seconds(i64::MAX),
                    ..base()
                },
                longest,
            ),
        ] {
            assert_eq!(settled(&policy).expect("good").maximum_interval, maximum, "{policy:?}");
        }
    }
}
