//! Moments, and what they are rounded to.

use cell_engine::Time;

#[test]
fn a_wake_up_is_never_rounded_to_before_its_moment() {
    for (nanos, down, up) in [
        (0, 0, 0),
        (1, 0, 1),
        (1_000_000, 1, 1),
        (1_000_001, 1, 2),
        (1_999_999, 1, 2),
        (-1, -1, 0),
        (i64::MAX, 9_223_372_036_854, 9_223_372_036_854),
    ] {
        assert_eq!((Time(nanos).millis(), Time(nanos).millis_up()), (down, up), "{nanos}");
    }
}
