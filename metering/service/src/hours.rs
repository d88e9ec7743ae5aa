//! Whole UTC hours in Unix milliseconds.

/// An hour in milliseconds.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Start of the hour that `at_ms` is in.
pub(crate) const fn hour_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(HOUR_MS)
}

/// The first start of an hour at or after `at_ms`.
pub(crate) const fn hour_from(at_ms: i64) -> i64 {
    let start = hour_of(at_ms);
    if start == at_ms { start } else { start.saturating_add(HOUR_MS) }
}
