//! Times as stored (milliseconds since 1970) and on the wire.

use prost_types::Timestamp;

/// A stored time on the wire.
pub(crate) fn to_proto(ms: i64) -> Timestamp {
    let nanos = i32::try_from(ms.rem_euclid(1_000) * 1_000_000).expect("below a second");
    Timestamp { seconds: ms.div_euclid(1_000), nanos }
}

/// A time on the wire, rounded down to milliseconds; none where it is out of range or malformed.
pub(crate) fn from_proto(time: &Timestamp) -> Option<i64> {
    if !(0..1_000_000_000).contains(&time.nanos) {
        return None;
    }
    time.seconds.checked_mul(1_000)?.checked_add(i64::from(time.nanos).div_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for ms in [0, 1, -1, 1_700_000_000_123, -1_999] {
            assert_eq!(from_proto(&to_proto(ms)), Some(ms));
        }
        assert_eq!(to_proto(-1), Timestamp { seconds: -1, nanos: 999_000_000 });
        for (seconds, nanos) in [(i64::MAX, 0), (1, -1), (1, 1_000_000_000)] {
            assert_eq!(from_proto(&Timestamp { seconds, nanos }), None);
        }
    }
}
