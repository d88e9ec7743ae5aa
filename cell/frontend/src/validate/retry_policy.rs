use super::duration;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::RetryPolicy;

/// First interval where the policy names none, nanoseconds.
const INITIAL_NANOS: i64 = 1_000_000_000;
/// Coefficient where the policy names none.
const COEFFICIENT: f64 = 2.0;
/// The longest interval is this many first ones where the policy names none.
const MAXIMUM_FACTOR: i64 = 100;
/// Timeouts among the error types that are not retried begin with this.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";
const TIMEOUT_TYPES: [&str; 4] = ["StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat"];

/// Completes a policy field by field and checks it.
pub(crate) fn settle(policy: Option<&mut RetryPolicy>) -> Result<(), Status> {
    let Some(policy) = policy else { return Ok(()) };
    let invalid = |text: String| Err(Status::invalid_argument(text));
    // One attempt only: nothing is ever retried, whatever the rest says.
    if policy.maximum_attempts == 1 {
        complete(policy);
        return Ok(());
    }
    for (name, interval) in
        [("InitialInterval", &mut policy.initial_interval), ("MaximumInterval", &mut policy.maximum_interval)]
    {
        if let Err(cause) = duration::check(interval) {
            return invalid(format!("invalid {name} set on retry policy: {cause}"));
        }
    }
    complete(policy);
    if policy.backoff_coefficient.is_nan() || policy.backoff_coefficient < 1.0 {
        return invalid("BackoffCoefficient cannot be less than 1 on retry policy.".to_owned());
    }
    if duration::nanos(policy.maximum_interval.as_ref()) < duration::nanos(policy.initial_interval.as_ref()) {
        return invalid("MaximumInterval cannot be less than InitialInterval on retry policy.".to_owned());
    }
    if policy.maximum_attempts < 0 {
        return invalid("MaximumAttempts cannot be negative on retry policy.".to_owned());
    }
    for error_type in &policy.non_retryable_error_types {
        if let Some(timeout) = error_type.strip_prefix(TIMEOUT_PREFIX)
            && !TIMEOUT_TYPES.contains(&timeout)
        {
            return invalid(format!("Invalid timeout type value: {timeout}."));
        }
    }
    Ok(())
}

fn complete(policy: &mut RetryPolicy) {
    let initial = duration::nanos(policy.initial_interval.as_ref()).unwrap_or(INITIAL_NANOS);
    policy.initial_interval = Some(duration::from_nanos(initial));
    if duration::nanos(policy.maximum_interval.as_ref()).is_none() {
        policy.maximum_interval = Some(duration::from_nanos(initial.saturating_mul(MAXIMUM_FACTOR)));
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = COEFFICIENT;
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
    fn an_empty_policy_is_completed() {
        let mut policy = RetryPolicy { initial_interval: seconds(3), ..RetryPolicy::default() };
        settle(Some(&mut policy)).unwrap();
        assert_eq!(policy.maximum_interval, seconds(300));
        assert_eq!(policy.backoff_coefficient, 2.0);
        assert_eq!(policy.maximum_attempts, 0);
    }

    #[test]
    fn the_original_refuses_these() {
        let base = RetryPolicy::default;
        let cases = [
            (
                RetryPolicy { initial_interval: seconds(-1), ..base() },
                "invalid InitialInterval set on retry policy: negative duration",
            ),
            (
                RetryPolicy { maximum_interval: seconds(-1), ..base() },
                "invalid MaximumInterval set on retry policy: negative duration",
            ),
            (
                RetryPolicy { initial_interval: seconds(5), maximum_interval: seconds(1), ..base() },
                "MaximumInterval cannot be less than InitialInterval on retry policy.",
            ),
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
        for (mut policy, message) in cases {
            assert_eq!(settle(Some(&mut policy)), Err(Status::invalid_argument(message)));
        }
    }

    #[test]
    fn the_original_accepts_these() {
        let base = RetryPolicy::default;
        for mut policy in [
            RetryPolicy { maximum_attempts: 1, backoff_coefficient: 0.5, ..base() },
            RetryPolicy {
                non_retryable_error_types: vec!["TemporalTimeout:Heartbeat".to_owned(), "Mine".to_owned()],
                ..base()
            },
            RetryPolicy { initial_interval: seconds(i64::MAX), ..base() },
        ] {
            assert_eq!(settle(Some(&mut policy)), Ok(()));
        }
    }
}
