//! Durations as clients send them: the one check that each of them passes, wherever in a request it stands.

use prost_types::Duration;

/// Longer durations mean "for ever" and are cut to this many seconds: a hundred years.
pub const LONGEST_SECONDS: i64 = 100 * 365 * 24 * 3_600;

/// Longest duration that can be shown as JSON: ten thousand years.
const LONGEST_SHOWN_SECONDS: i64 = 315_576_000_000;

const NANOS: i64 = 1_000_000_000;

/// A duration that a client sent, in its normal form and cut to [`LONGEST_SECONDS`]. The error is the cause only, in
/// the original's words: callers name the field.
///
/// As the original, this takes any number of nanoseconds, but keeps what whole seconds are among them as seconds: else
/// the field could not be shown as JSON.
pub fn checked(duration: Option<&Duration>) -> Result<Option<Duration>, &'static str> {
    let Some(duration) = duration else { return Ok(None) };
    let (seconds, nanos) = (duration.seconds, i64::from(duration.nanos));
    if (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0) {
        return Err("duration has seconds and nanos with different signs");
    }
    if seconds < 0 || nanos < 0 {
        return Err("negative duration");
    }
    let seconds = seconds.saturating_add(nanos / NANOS);
    if seconds >= LONGEST_SECONDS {
        return Ok(Some(Duration { seconds: LONGEST_SECONDS, nanos: 0 }));
    }
    Ok(Some(Duration { seconds, nanos: (nanos % NANOS) as i32 }))
}

/// A duration that is taken whatever it is, as the nearest one that can be shown as JSON: seconds and nanoseconds have
/// one sign, and less than a second is in the latter.
pub fn shown(duration: Duration) -> Duration {
    let second = i128::from(NANOS);
    let most = i128::from(LONGEST_SHOWN_SECONDS) * second;
    let nanos = i128::from(duration.seconds) * second + i128::from(duration.nanos);
    let nanos = nanos.clamp(-most, most);
    Duration { seconds: (nanos / second) as i64, nanos: (nanos % second) as i32 }
}

/// As [`checked`], in place. Nothing is changed where it is an error.
pub fn settle(duration: &mut Option<Duration>) -> Result<(), &'static str> {
    *duration = checked(duration.as_ref())?;
    Ok(())
}

/// Nanoseconds, saturating; 0 for none.
pub fn nanos(duration: Option<&Duration>) -> i64 {
    duration.map_or(0, |d| d.seconds.saturating_mul(NANOS).saturating_add(i64::from(d.nanos)))
}

/// A duration of that many nanoseconds.
pub fn from_nanos(nanos: i64) -> Duration {
    Duration { seconds: nanos / NANOS, nanos: (nanos % NANOS) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_ranges() {
        let cases = [
            ((0, 0), Ok((0, 0))),
            ((5, 1), Ok((5, 1))),
            ((1, 1_000_000_000), Ok((2, 0))),
            ((0, i32::MAX), Ok((2, 147_483_647))),
            ((LONGEST_SECONDS - 1, 999_999_999), Ok((LONGEST_SECONDS - 1, 999_999_999))),
            ((LONGEST_SECONDS, 5), Ok((LONGEST_SECONDS, 0))),
            ((i64::MAX, 1), Ok((LONGEST_SECONDS, 0))),
            ((i64::MAX, i32::MAX), Ok((LONGEST_SECONDS, 0))),
            ((-1, 0), Err("negative duration")),
            ((0, -1), Err("negative duration")),
            ((i64::MIN, i32::MIN), Err("negative duration")),
            ((1, -5), Err("duration has seconds and nanos with different signs")),
            ((i64::MIN, i32::MAX), Err("duration has seconds and nanos with different signs")),
        ];
        for ((seconds, nanos), expected) in cases {
            let given = Duration { seconds, nanos };
            let result = checked(Some(&given)).map(|found| {
                let found = found.expect("one was given");
                (found.seconds, found.nanos)
            });
            assert_eq!(result, expected, "{seconds} s {nanos} ns");
        }
        assert_eq!(checked(None), Ok(None));
    }

    #[test]
    fn what_is_shown_has_one_sign_and_ten_thousand_years_at_most() {
        for ((seconds, nanos), shown_as) in [
            ((0, 0), (0, 0)),
            ((5, 1), (5, 1)),
            ((-5, -1), (-5, -1)),
            ((1, 2_000_000_000), (3, 0)),
            ((1, -5), (0, 999_999_995)),
            ((-1, 5), (0, -999_999_995)),
            ((LONGEST_SHOWN_SECONDS, 0), (LONGEST_SHOWN_SECONDS, 0)),
            ((LONGEST_SHOWN_SECONDS, 1), (LONGEST_SHOWN_SECONDS, 0)),
            ((LONGEST_SHOWN_SECONDS, -1), (LONGEST_SHOWN_SECONDS - 1, 999_999_999)),
            ((i64::MAX, i32::MAX), (LONGEST_SHOWN_SECONDS, 0)),
            ((i64::MIN, i32::MIN), (-LONGEST_SHOWN_SECONDS, 0)),
        ] {
            let shown = shown(Duration { seconds, nanos });
            assert_eq!((shown.seconds, shown.nanos), shown_as, "{seconds} s {nanos} ns");
        }
    }

    #[test]
    fn nanoseconds_saturate() {
        assert_eq!(nanos(Some(&Duration { seconds: i64::MAX, nanos: 1 })), i64::MAX);
        assert_eq!(nanos(Some(&Duration { seconds: i64::MIN, nanos: -1 })), i64::MIN);
        assert_eq!(nanos(Some(&from_nanos(1_500_000_000))), 1_500_000_000);
    }
}
