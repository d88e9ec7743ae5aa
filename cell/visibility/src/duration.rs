//! Values of ExecutionDuration.

/// Nanoseconds in the units of a duration, longest name first so that `ms` is not read as minutes.
const UNITS: [(&str, i64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads nanoseconds (`5000`), a duration with units (`1h30m`, `1.5s`, `-2d`) or `hh:mm:ss`; none if the text is
/// neither or exceeds 64 bits.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| with_units(text)).or_else(|| clock(text))
}

fn with_units(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let &(_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, i128::from(scale))?)?;
        rest = tail;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// A decimal number times a scale, what is below one cut off.
fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits =
        |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok().map(i128::from) };
    // Eighteen digits are finer than any unit here and fit 64 bits.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let part = digits(fraction)? * scale / 10_i128.pow(fraction.len() as u32);
    Some(digits(whole)? * scale + part)
}

fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let whole = seconds.split('.').next()?;
    let sound = parts.next().is_none()
        && !hours.is_empty()
        && hours.bytes().all(|byte| byte.is_ascii_digit())
        && two_digits(minutes)
        && two_digits(whole)
        && minutes < "60"
        && whole < "60";
    if !sound {
        return None;
    }
    with_units(&format!("{hours}h{minutes}m{seconds}s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_as_nanoseconds() {
        const SECOND: i64 = 1_000_000_000;
        for (text, nanoseconds) in [
            ("5000", 5_000),
            ("-7", -7),
            ("1h30m", 5_400 * SECOND),
            ("1.5s", 3 * SECOND / 2),
            (".5s", SECOND / 2),
            ("-2d", -2 * 86_400 * SECOND),
            ("1m1ms1us1ns", 60 * SECOND + 1_001_001),
            ("3µs", 3_000),
            ("01:02:03", 3_723 * SECOND),
            ("100:00:00.25", 360_000 * SECOND + SECOND / 4),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(nanoseconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-",
            "s",
            "1",
            "1.",
            "1x",
            "1h 2m",
            "1:2:3",
            "00:60:00",
            "00:00:60",
            "1:00",
            "1:00:00:00",
            ".s",
            "99999999999h",
            "999999999999999999999s",
            "00:00:0é",
            "1é",
            "1.é2s",
            "--1s",
        ] {
            let read = parse_duration(text);
            assert_eq!(read, (text == "1").then_some(1), "{text}");
        }
    }
}
