//! UTC hours in Unix milliseconds.

/// Length of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Start of the hour that `at_ms` is in.
pub(crate) const fn start_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(HOUR_MS)
}

/// `at_ms` itself where it is a whole hour, else the start of the next one.
pub(crate) const fn ceiling(at_ms: i64) -> i64 {
    start_of(at_ms + HOUR_MS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_begin_at_multiples_also_before_the_epoch() {
        let cases = [(0, 0, 0), (1, 0, HOUR_MS), (HOUR_MS - 1, 0, HOUR_MS), (HOUR_MS, HOUR_MS, HOUR_MS)];
        for (at, start, end) in cases {
            assert_eq!((start_of(at), ceiling(at)), (start, end), "{at}");
        }
        assert_eq!((start_of(-1), ceiling(-1)), (-HOUR_MS, 0));
    }
}
