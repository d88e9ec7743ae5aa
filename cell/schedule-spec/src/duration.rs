//! Durations as words (`1d2h`, `1.5h`), read as Go's `time.ParseDuration` reads them, with days besides.

use crate::error::SpecError;

const HOURS_PER_DAY: f64 = 24.0;
const LIMIT: u64 = 1 << 63;

/// Nanoseconds, from text.
pub(crate) fn parse(text: &str) -> Result<i64, SpecError> {
    let text = days_as_hours(text);
    let invalid = || SpecError::Duration(format!("time: invalid duration {}", quoted(&text)));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text.as_str()),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after_whole) = digits(rest);
        let (fraction, after) = match after_whole.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after_whole),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let whole = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Err(SpecError::Duration(format!("time: missing unit in duration {}", quoted(&text))));
        }
        let nanos = unit_nanos(unit).ok_or_else(|| {
            SpecError::Duration(format!("time: unknown unit {} in duration {}", quoted(unit), quoted(&text)))
        })?;
        let part = part(whole, fraction, nanos).ok_or_else(invalid)?;
        total = total.checked_add(part).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
        rest = after;
    }
    match (negative, total) {
        (true, LIMIT) => Ok(i64::MIN),
        (true, total) => Ok(-(total as i64)),
        (false, total) => i64::try_from(total).map_err(|_| invalid()),
    }
}

fn part(whole: u64, fraction: &str, unit: u64) -> Option<u64> {
    if whole > LIMIT / unit {
        return None;
    }
    let mut nanos = whole * unit;
    // Digits past what a number holds change nothing below a nanosecond.
    let kept = &fraction[..fraction.len().min(18)];
    let value: u64 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    if value > 0 {
        let scale = 10f64.powi(kept.len() as i32);
        nanos = nanos.checked_add((value as f64 * (unit as f64 / scale)) as u64)?;
    }
    (nanos <= LIMIT).then_some(nanos)
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Every number before a `d` becomes its hours, with six digits of fraction.
fn days_as_hours(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(behind) => {
                let (fraction, after) = digits(behind);
                (
                    &rest[whole.len()..rest.len() - after.len()],
                    (!fraction.is_empty() || !whole.is_empty(), after),
                )
            }
            None => ("", (!whole.is_empty(), after)),
        };
        let (number, after) = after;
        if number && after.starts_with('d') {
            let days: f64 =
                format!("{whole}{fraction}").trim_end_matches('.').parse().unwrap_or(f64::INFINITY);
            written.push_str(&format!("{:.6}h", HOURS_PER_DAY * days));
            rest = &after[1..];
        } else if whole.is_empty() {
            written.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            written.push_str(whole);
            rest = &rest[whole.len()..];
        }
    }
    written
}

/// As Go quotes what it could not read: everything but printable ASCII by its bytes.
fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            ' '..='~' => written.push(c),
            _ => c
                .encode_utf8(&mut [0; 4])
                .bytes()
                .for_each(|byte| written.push_str(&format!("\\x{byte:02x}"))),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_original_reads_them() {
        const S: i64 = 1_000_000_000;
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("5s", 5 * S),
            ("+5s", 5 * S),
            ("-1.5h", -5400 * S),
            ("1h30m10.5s", 5410 * S + S / 2),
            ("1d2h", 93_600 * S),
            ("1.5d", 129_600 * S),
            (".5d", 43_200 * S),
            ("1.d", 86_400 * S),
            ("1µs", 1_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
        for (text, error) in [
            ("", r#"time: invalid duration """#),
            (" 5s", r#"time: invalid duration " 5s""#),
            ("5", r#"time: missing unit in duration "5""#),
            ("1y", r#"time: unknown unit "y" in duration "1y""#),
            (".s", r#"time: invalid duration ".s""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("1dx", r#"time: unknown unit "hx" in duration "24.000000hx""#),
            ("1é", r#"time: unknown unit "\xc3\xa9" in duration "1\xc3\xa9""#),
        ] {
            assert_eq!(parse(text), Err(SpecError::Duration(error.into())), "{text}");
        }
    }
}
