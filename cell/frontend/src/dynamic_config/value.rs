//! JSON values as the types that keys take.

use super::DynamicConfigError;
use serde_json::Value;
use std::time::Duration;

fn wrong(key: &str, value: &Value, expected: &'static str) -> DynamicConfigError {
    DynamicConfigError::Type { key: key.to_owned(), value: value.to_string(), expected }
}

/// A number that is not negative.
pub(super) fn number(key: &str, value: &Value) -> Result<f64, DynamicConfigError> {
    value
        .as_f64()
        .filter(|number| *number >= 0.0)
        .ok_or_else(|| wrong(key, value, "a number that is not negative"))
}

/// A whole number that is not negative.
pub(super) fn count(key: &str, value: &Value) -> Result<usize, DynamicConfigError> {
    value
        .as_u64()
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| wrong(key, value, "a whole number that is not negative"))
}

/// As [`count`], of which zero counts as one.
pub(super) fn at_least_one(key: &str, value: &Value) -> Result<usize, DynamicConfigError> {
    Ok(count(key, value)?.max(1))
}

/// `true` or `false`.
pub(super) fn boolean(key: &str, value: &Value) -> Result<bool, DynamicConfigError> {
    value.as_bool().ok_or_else(|| wrong(key, value, "true or false"))
}

/// Text such as `"1m30s"`, or a number of seconds.
pub(super) fn duration(key: &str, value: &Value) -> Result<Duration, DynamicConfigError> {
    let parsed = match value {
        Value::String(text) => parse_duration(text),
        other => other.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    };
    parsed.ok_or_else(|| wrong(key, value, "a duration such as \"1m30s\""))
}

/// Numbers with the units h, m, s and ms, one after another.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let seconds = match &rest[..end] {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in
            [("20s", Some(20_000)), ("1h0m0.5s", Some(3_600_500)), ("250ms", Some(250))]
        {
            assert_eq!(parse_duration(text).map(|d| d.as_millis()), milliseconds, "{text}");
        }
        for text in ["", "5", "s", "5 s", "-5s", "1d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
