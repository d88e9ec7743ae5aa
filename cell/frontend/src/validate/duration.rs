use prost_types::Duration;

/// Longer durations mean "for ever" and are cut to this many seconds: a hundred years.
const LONGEST_SECONDS: i64 = 100 * 365 * 24 * 3_600;

/// Checks a duration that a client sent, and cuts an excessive one. The error is the cause only: callers name the field.
pub(crate) fn check(duration: &mut Option<Duration>) -> Result<(), &'static str> {
    let Some(duration) = duration else { return Ok(()) };
    let (seconds, nanos) = (duration.seconds, i64::from(duration.nanos));
    if (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0) {
        return Err("duration has seconds and nanos with different signs");
    }
    if seconds < 0 || nanos < 0 {
        return Err("negative duration");
    }
    if nanos >= 1_000_000_000 {
        return Err("duration has out-of-range nanos");
    }
    if seconds >= LONGEST_SECONDS {
        *duration = Duration { seconds: LONGEST_SECONDS, nanos: 0 };
    }
    Ok(())
}

/// Nanoseconds of a checked duration; none for an unset one or zero, which both mean "not given".
pub(crate) fn nanos(duration: Option<&Duration>) -> Option<i64> {
    let duration = duration?;
    let nanos = duration.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(duration.nanos));
    (nanos != 0).then_some(nanos)
}

/// A duration of that many nanoseconds.
pub(crate) fn from_nanos(nanos: i64) -> Duration {
    Duration { seconds: nanos / 1_000_000_000, nanos: (nanos % 1_000_000_000) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_ranges() {
        let cases = [
            ((0, 0), Ok((0, 0))),
            ((5, 1), Ok((5, 1))),
            ((i64::MAX, 1), Ok((LONGEST_SECONDS, 0))),
            ((-1, 0), Err("negative duration")),
            ((0, -1), Err("negative duration")),
            ((1, -5), Err("duration has seconds and nanos with different signs")),
            ((0, i32::MAX), Err("duration has out-of-range nanos")),
        ];
        for ((seconds, nanos), expected) in cases {
            let mut duration = Some(Duration { seconds, nanos });
            let result = check(&mut duration).map(|()| {
                let duration = duration.unwrap();
                (duration.seconds, duration.nanos)
            });
            assert_eq!(result, expected, "{seconds} s {nanos} ns");
        }
    }
}
