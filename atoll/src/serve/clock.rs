//! The clock that a process gives to its pieces.

use std::sync::Arc;

use atoll_rpc::{Clock, OffsetClock, SystemClock};
use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A duration such as `40d`, `36h` or `1d 12h`; days have 24 hours.
pub(crate) fn parse_offset(text: &str) -> Result<SignedDuration, String> {
    text.parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| format!("{text:?} is not a duration such as 40d or 36h"))
}

/// The machine's clock, shifted where an offset is given.
pub(crate) fn clock(offset: Option<&str>) -> anyhow::Result<Arc<dyn Clock>> {
    match offset {
        None => Ok(Arc::new(SystemClock)),
        Some(text) => {
            let offset = parse_offset(text).map_err(anyhow::Error::msg)?;
            tracing::info!(offset = text, "the clock is shifted: for development only");
            Ok(Arc::new(OffsetClock::new(Arc::new(SystemClock), offset)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_units() {
        for (text, hours) in [("40d", 960), ("36h", 36), ("1d 12h", 36), ("-2d", -48)] {
            assert_eq!(parse_offset(text).unwrap(), SignedDuration::from_hours(hours), "{text}");
        }
        for bad in ["", "40", "forty days", "1y"] {
            assert!(parse_offset(bad).is_err(), "{bad}");
        }
    }
}
