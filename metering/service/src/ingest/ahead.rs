//! Usage of a time that has not come yet.
//!
//! A cell whose clock jumped ahead would seal hours that have not begun: months would be complete, and closed, without
//! the usage that the cell has yet to write. So what is ahead of metering's own clock waits for it. The object stays
//! where it is: it is in once its time has come, or the clock that was wrong is right.

use std::time::Duration;

use atoll_internal_api::usage::v1::UsageObject;
use jiff::Timestamp;

use super::Ingest;
use crate::ledger::latest;

/// How far a cell's clock may be ahead of metering's.
const TOLERANCE: Duration = Duration::from_secs(3_600);

impl Ingest {
    /// Why an object has to wait; none where its time has come, or nobody told metering the time.
    pub(super) fn ahead(&self, object: &UsageObject) -> Option<String> {
        self.time_ahead(latest(object))
    }

    /// Why what is of this time has to wait.
    pub(super) fn time_ahead(&self, at_ms: i64) -> Option<String> {
        let now_ms = self.clock.as_ref()?.unix_millis();
        (at_ms > now_ms.saturating_add(TOLERANCE.as_millis() as i64))
            .then(|| format!("speaks of {}, and it is {}", shown(at_ms), shown(now_ms)))
    }
}

fn shown(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| format!("{at_ms} ms"), |at| at.to_string())
}
