use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// How long the caller waits.
pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Units of `grpc-timeout` with their length in nanoseconds, finest first.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];
/// The specification allows eight digits.
const MAX_DIGITS: usize = 8;

/// Reads a `grpc-timeout` value: up to eight digits and a unit.
pub(crate) fn parse_timeout(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    let amount = digits
        .iter()
        .try_fold(0_u128, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u128::from(digit - b'0')))?;
    let (_, nanos) = UNITS.iter().find(|(letter, _)| letter == unit)?;
    let nanos = amount * nanos;
    Some(Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32))
}

/// Writes a `grpc-timeout` value in the finest unit that has room, never longer than `timeout`.
pub(crate) fn format_timeout(timeout: Duration) -> HeaderValue {
    let nanos = timeout.as_nanos();
    let (unit, amount) = UNITS
        .iter()
        .map(|(unit, length)| (*unit, nanos / length))
        .find(|(_, amount)| *amount < 100_000_000)
        .unwrap_or((b'H', 99_999_999));
    HeaderValue::try_from(format!("{amount}{}", unit as char)).expect("digits and a letter")
}

/// Leaves out what belongs to one hop, also what `connection` names (RFC 9110, 7.6.1).
pub(crate) fn without_transport(mut headers: HeaderMap) -> HeaderMap {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|names| names.split(',')).filter_map(|name| name.trim().parse().ok());
    let hop = headers.keys().filter(|name| is_transport_header(name)).cloned();
    let hop: Vec<HeaderName> = hop.chain(named).collect();
    for name in hop {
        headers.remove(name);
    }
    headers
}

/// Whether a header belongs to one hop.
fn is_transport_header(name: &HeaderName) -> bool {
    const HOP: [HeaderName; 11] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::HOST,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::DATE,
    ];
    name.as_str().starts_with("grpc-") || HOP.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Duration> {
        parse_timeout(&HeaderValue::try_from(text).unwrap())
    }

    #[test]
    fn what_belongs_to_one_hop_is_left_out() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer a.b"),
            ("connection", "keep-alive, X-Mine,, no/name"),
            ("connection", "x-other"),
            ("grpc-timeout", "1S"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-mine", "1"),
            ("x-other", "1"),
            ("x-third", "1"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let mut left: Vec<String> = without_transport(headers).keys().map(ToString::to_string).collect();
        left.sort();
        assert_eq!(left, ["authorization", "x-third"]);
    }

    #[test]
    fn every_unit_is_read() {
        assert_eq!(parse("70S"), Some(Duration::from_secs(70)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(parse("1n"), Some(Duration::from_nanos(1)));
        for wrong in ["", "S", "12", "1s", "123456789S", "-1S", "1.5S"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back_within_its_unit() {
        for timeout in
            [Duration::ZERO, Duration::from_micros(7), Duration::from_secs(60), Duration::from_secs(86_400)]
        {
            assert_eq!(parse_timeout(&format_timeout(timeout)), Some(timeout));
        }
        let odd = Duration::new(3600, 123_456_789);
        let back = parse_timeout(&format_timeout(odd)).unwrap();
        assert!(back <= odd && odd - back < Duration::from_millis(1));
        assert_eq!(format_timeout(Duration::MAX), "99999999H");
    }
}
